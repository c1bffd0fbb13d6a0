"""Trials and comparisons: searches within a budget, their log, and how much of a gain is luck."""

from workshop_utils.models.tuning.compare import compare, noise, scores, splits, verdict
from workshop_utils.models.tuning.search import log_to, parallel_coordinates, stop_after, within
from workshop_utils.models.tuning.trials import TrialLog, tracking_uri

__all__ = [
    "TrialLog",
    "compare",
    "log_to",
    "noise",
    "parallel_coordinates",
    "scores",
    "splits",
    "stop_after",
    "tracking_uri",
    "verdict",
    "within",
]
