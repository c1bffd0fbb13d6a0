"""Everything that serving may import: the bundle and its card, scoring of tables, explanations."""

from workshop_utils.models.bundle.bundle import Bundle, Scores
from workshop_utils.models.bundle.card import Card, read_card
from workshop_utils.models.bundle.evaluate import TableEvaluation, evaluate_table
from workshop_utils.models.bundle.explain import Explanation, as_html, leave_one_out
from workshop_utils.models.bundle.score import ScoreReport, score_file

__all__ = [
    "Bundle",
    "Card",
    "Explanation",
    "ScoreReport",
    "Scores",
    "TableEvaluation",
    "as_html",
    "evaluate_table",
    "leave_one_out",
    "read_card",
    "score_file",
]
