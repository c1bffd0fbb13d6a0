"""Make bundles: each kind of model as ONNX, written only when it answers as its origin does."""

from workshop_utils.models.export.distilbert import export_distilbert
from workshop_utils.models.export.keras import export_keras
from workshop_utils.models.export.parity import PROBES, ParityError, write_bundle
from workshop_utils.models.export.tfidf import export_tfidf

__all__ = [
    "PROBES",
    "ParityError",
    "export_distilbert",
    "export_keras",
    "export_tfidf",
    "write_bundle",
]
