"""Monitoring with a promise: alarms whose error is known, text by text and label by label."""

from workshop_utils.production.monitoring.betting import RateBets, bet_once, fewest_steps
from workshop_utils.production.monitoring.concept_monitor import ConceptMonitor, ConceptReport
from workshop_utils.production.monitoring.domain_classifier import DomainClassifier, TellingWords
from workshop_utils.production.monitoring.drift_report import DriftFinding, DriftVerdict, InputReport
from workshop_utils.production.monitoring.error_detector import (
    ErrorDetector,
    ErrorReport,
    error_tolerance,
    evidence_over_time,
    risen_shares,
)
from workshop_utils.production.monitoring.from_store import watch_labels, watch_predictions
from workshop_utils.production.monitoring.input_monitor import InputMonitor
from workshop_utils.production.monitoring.intervals import (
    LabelTally,
    WeightedHits,
    label_weights,
    rate_interval,
)
from workshop_utils.production.monitoring.labels_needed import labels_needed
from workshop_utils.production.monitoring.operations_monitor import (
    BurnRate,
    Objective,
    OperationsMonitor,
    OperationsReport,
)

__all__ = [
    "BurnRate",
    "ConceptMonitor",
    "ConceptReport",
    "DomainClassifier",
    "DriftFinding",
    "DriftVerdict",
    "ErrorDetector",
    "ErrorReport",
    "InputMonitor",
    "InputReport",
    "LabelTally",
    "Objective",
    "OperationsMonitor",
    "OperationsReport",
    "RateBets",
    "TellingWords",
    "WeightedHits",
    "bet_once",
    "error_tolerance",
    "evidence_over_time",
    "fewest_steps",
    "label_weights",
    "labels_needed",
    "rate_interval",
    "risen_shares",
    "watch_labels",
    "watch_predictions",
]
