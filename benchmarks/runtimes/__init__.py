"""Which runtime should a bundle be scored by? ONNX Runtime and OpenVINO on the same models, in one run.

    python -m benchmarks.runtimes              # about 25 minutes on two cores; Linux on x86 only
    python -m benchmarks.runtimes --small      # a trial of some minutes; writes nothing

Installs OpenVINO and NNCF into ``build/rivals``, fine-tunes the packaged encoder on film reviews (kept in
``build/runtimes``), makes every kind of int8 of it, and measures speed, answers, bits, memory and start-up,
with all the processor's instructions and without AVX-512. Writes ``benchmarks/results/runtimes.md``.
"""
