"""How does the service do beside others on the same model? All of them in one run, round by round.

    python -m benchmarks.service              # about 25 minutes on two idle cores; Linux only
    python -m benchmarks.service --quick      # a trial of some minutes; writes nothing

Installs the other servers into ``build/service-rivals``, makes a bundle of the fine-tuned packaged encoder
(kept in ``build/runtimes`` and ``build/service``), compares each server's answers with the bare bundle's and
then measures it with film reviews of 64 to 256 words. Writes ``service.md`` and ``service.json`` in
``benchmarks/results``.
"""
