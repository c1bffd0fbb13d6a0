"""Predictions, true labels and decisions in SQLite or PostgreSQL. Knows nothing of models or HTTP.

The service writes through a :class:`Recorder`; monitoring, labelling and retraining read with the functions
of this room. Everything that arrives is numbered in the order of its commit, so nothing rests on clocks.
"""

from workshop_utils.production.store.clocks import predictions_ahead
from workshop_utils.production.store.counts import VersionCount, count_by_version
from workshop_utils.production.store.database import Store, open_store
from workshop_utils.production.store.decisions import (
    Decision,
    decision_details,
    list_decisions,
    newest_decisions,
    read_decision,
    record_decision,
)
from workshop_utils.production.store.feedback import GivenLabel, add_label, add_many_labels, label_history
from workshop_utils.production.store.label_table import LabelTableReport, add_labels_of_table
from workshop_utils.production.store.over_time import (
    SAMPLED,
    TimedLabel,
    TimeRange,
    VersionUse,
    latencies_over_time,
    some_labels,
    time_range,
    version_use,
)
from workshop_utils.production.store.predictions import add_predictions
from workshop_utils.production.store.recorder import Recorder, StorageMode
from workshop_utils.production.store.records import (
    Feedback,
    FeedbackResult,
    LabelRefused,
    Part,
    Prediction,
    ShadowAnswer,
    StoreUnavailable,
    UnknownLabel,
    UnknownPrediction,
    new_prediction_id,
)
from workshop_utils.production.store.retention import Pruned, Retention, prune
from workshop_utils.production.store.sampling import (
    SHADOW_SIZES,
    Draw,
    DrawSizes,
    TextToLabel,
    draw_texts,
    least_probabilities,
    list_draws,
    texts_to_label,
)
from workshop_utils.production.store.scored import ScoredText, scored_texts
from workshop_utils.production.store.skips import SkippedText, skip_text, skipped_texts, take_skip_back
from workshop_utils.production.store.stream import (
    LabelledPrediction,
    labelled,
    last_label,
    last_prediction,
)

__all__ = [
    "SAMPLED",
    "SHADOW_SIZES",
    "Decision",
    "Draw",
    "DrawSizes",
    "Feedback",
    "FeedbackResult",
    "GivenLabel",
    "LabelRefused",
    "LabelTableReport",
    "LabelledPrediction",
    "Part",
    "Prediction",
    "Pruned",
    "Recorder",
    "Retention",
    "ScoredText",
    "ShadowAnswer",
    "SkippedText",
    "StorageMode",
    "Store",
    "StoreUnavailable",
    "TextToLabel",
    "TimeRange",
    "TimedLabel",
    "UnknownLabel",
    "UnknownPrediction",
    "VersionCount",
    "VersionUse",
    "add_label",
    "add_labels_of_table",
    "add_many_labels",
    "add_predictions",
    "count_by_version",
    "decision_details",
    "draw_texts",
    "label_history",
    "labelled",
    "last_label",
    "last_prediction",
    "latencies_over_time",
    "least_probabilities",
    "list_decisions",
    "list_draws",
    "new_prediction_id",
    "newest_decisions",
    "open_store",
    "predictions_ahead",
    "prune",
    "read_decision",
    "record_decision",
    "scored_texts",
    "skip_text",
    "skipped_texts",
    "some_labels",
    "take_skip_back",
    "texts_to_label",
    "time_range",
    "version_use",
]
