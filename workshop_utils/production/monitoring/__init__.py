"""Monitoring with a promise: alarms whose error is known, text by text and label by label."""

from workshop_utils.production.monitoring.advice import what_to_do
from workshop_utils.production.monitoring.betting import BlockBets, RateBets, bet_once, fewest_steps
from workshop_utils.production.monitoring.concept_monitor import ConceptMonitor, ConceptReport
from workshop_utils.production.monitoring.detector_evidence import (
    DetectorEvidence,
    detector_evidence,
    evidence_of_details,
)
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
    rate_interval,
)
from workshop_utils.production.monitoring.label_weights import LabelWeights, drawn_weight
from workshop_utils.production.monitoring.labels_needed import labels_needed
from workshop_utils.production.monitoring.many_intervals import rate_intervals, tally_intervals
from workshop_utils.production.monitoring.monitor import monitor_store, monitor_table, read_back
from workshop_utils.production.monitoring.monitor_state import default_state
from workshop_utils.production.monitoring.monitored_model import MonitoredModel, open_monitored_model
from workshop_utils.production.monitoring.monitored_table import TableColumns
from workshop_utils.production.monitoring.monitoring_page import render_monitoring_page
from workshop_utils.production.monitoring.monitoring_report import (
    NO_VERDICT,
    RUNBOOKS,
    Alarm,
    ErrorsSince,
    LabelBlock,
    LabelSource,
    MonitoringReport,
    MonitoringVerdict,
    PerformanceReport,
    TextBlock,
)
from workshop_utils.production.monitoring.operations_monitor import (
    BurnRate,
    Objective,
    OperationsMonitor,
    OperationsReport,
)
from workshop_utils.production.monitoring.repeated_texts import RepeatedTexts

__all__ = [
    "NO_VERDICT",
    "RUNBOOKS",
    "Alarm",
    "BlockBets",
    "BurnRate",
    "ConceptMonitor",
    "ConceptReport",
    "DetectorEvidence",
    "DomainClassifier",
    "DriftFinding",
    "DriftVerdict",
    "ErrorDetector",
    "ErrorReport",
    "ErrorsSince",
    "InputMonitor",
    "InputReport",
    "LabelBlock",
    "LabelSource",
    "LabelTally",
    "LabelWeights",
    "MonitoredModel",
    "MonitoringReport",
    "MonitoringVerdict",
    "Objective",
    "OperationsMonitor",
    "OperationsReport",
    "PerformanceReport",
    "RateBets",
    "RepeatedTexts",
    "TableColumns",
    "TellingWords",
    "TextBlock",
    "WeightedHits",
    "bet_once",
    "default_state",
    "detector_evidence",
    "drawn_weight",
    "error_tolerance",
    "evidence_of_details",
    "evidence_over_time",
    "fewest_steps",
    "labels_needed",
    "monitor_store",
    "monitor_table",
    "open_monitored_model",
    "rate_interval",
    "rate_intervals",
    "read_back",
    "render_monitoring_page",
    "risen_shares",
    "tally_intervals",
    "watch_labels",
    "watch_predictions",
    "what_to_do",
]
