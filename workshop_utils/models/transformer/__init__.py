"""DistilBERT in PyTorch: pretrained, fine-tuned, as a classifier of texts, and what it looked at."""

from workshop_utils.models.transformer.attribution import (
    completeness_gap,
    deletion_curve,
    empty_probability,
    integrated_gradients,
    randomised,
)
from workshop_utils.models.transformer.classifier import (
    Classifier,
    load_classifier,
    new_classifier,
    save_classifier,
)
from workshop_utils.models.transformer.finetune import (
    Recipe,
    arguments,
    fast_bf16,
    fine_tune,
    history,
    make_trainer,
    optimizer,
)
from workshop_utils.models.transformer.pretrained import load_encoder, packaged_encoder

__all__ = [
    "Classifier",
    "Recipe",
    "arguments",
    "completeness_gap",
    "deletion_curve",
    "empty_probability",
    "fast_bf16",
    "fine_tune",
    "history",
    "integrated_gradients",
    "load_classifier",
    "load_encoder",
    "make_trainer",
    "new_classifier",
    "optimizer",
    "packaged_encoder",
    "randomised",
    "save_classifier",
]
