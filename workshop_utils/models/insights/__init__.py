"""What a model's score does not say: costs, calibration, slices, behavioural tests, attacks."""

from workshop_utils.models.insights.attacks import attack, attack_table, character_moves, word_moves
from workshop_utils.models.insights.behaviour import Behaviour, cases, run_suite, swapped_gap
from workshop_utils.models.insights.decisions import (
    Costs,
    apply_temperature,
    best_threshold,
    calibration_table,
    cheapest_action,
    cost_at,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    threshold_table,
)
from workshop_utils.models.insights.film_suite import film_suite, film_words
from workshop_utils.models.insights.slices import length_bins, mentions, slice_table

__all__ = [
    "Behaviour",
    "Costs",
    "apply_temperature",
    "attack",
    "attack_table",
    "best_threshold",
    "calibration_table",
    "cases",
    "character_moves",
    "cheapest_action",
    "cost_at",
    "expected_calibration_error",
    "film_suite",
    "film_words",
    "fit_temperature",
    "length_bins",
    "log_loss",
    "mentions",
    "run_suite",
    "slice_table",
    "swapped_gap",
    "threshold_table",
    "word_moves",
]
