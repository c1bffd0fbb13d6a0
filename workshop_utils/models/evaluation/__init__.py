"""What a classifier is worth on labelled texts: numbers with intervals, worst errors, one HTML page."""

from workshop_utils.models.evaluation.measures import (
    ClassResult,
    Evaluation,
    ResultRow,
    WorstError,
    evaluate_constant,
    evaluate_probabilities,
)
from workshop_utils.models.evaluation.page import ResultPage, render_result_page

__all__ = [
    "ClassResult",
    "Evaluation",
    "ResultPage",
    "ResultRow",
    "WorstError",
    "evaluate_constant",
    "evaluate_probabilities",
    "render_result_page",
]
