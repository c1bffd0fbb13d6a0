"""Trials and comparisons: searches within a budget, their log, and how much of a gain is luck."""

from workshop_utils.models.tuning.compare import compare, noise, scores, splits, verdict
from workshop_utils.models.tuning.search import log_to, parallel_coordinates, stop_after, within
from workshop_utils.models.tuning.store import client, tracking_uri
from workshop_utils.models.tuning.trials import TrialLog, TrialState

__all__ = [
    "TrialLog",
    "TrialState",
    "client",
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
