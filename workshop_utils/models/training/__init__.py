"""From anybody's table to a bundle; each kind of model is trained in a process of its own."""

from workshop_utils.models.training.request import TrainListener, TrainRequest
from workshop_utils.models.training.table import TrainResult, train_bundle

__all__ = ["TrainListener", "TrainRequest", "TrainResult", "train_bundle"]
