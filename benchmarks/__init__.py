"""Measurements that anyone can repeat; each script prints its table and writes it to results/."""

import workshop_utils  # noqa: F401 - it keeps ONNX Runtime from reporting to its maker, whoever imports it first
