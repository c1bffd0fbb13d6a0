"""Everything that serving may import: the bundle and its card, scoring of tables, explanations."""

from workshop_utils.models.bundle.bundle import Bundle, Scores
from workshop_utils.models.bundle.card import Card, read_card
from workshop_utils.models.bundle.evaluate import TableEvaluation, evaluate_table
from workshop_utils.models.bundle.explain import Explanation, as_html, leave_one_out
from workshop_utils.models.bundle.reference import (
    Reference,
    ReferenceKeeps,
    add_reference,
    make_reference,
    read_reference,
)
from workshop_utils.models.bundle.score import ScoreReport, score_file
from workshop_utils.models.bundle.text_traits import TextTraits, text_traits

__all__ = [
    "Bundle",
    "Card",
    "Explanation",
    "Reference",
    "ReferenceKeeps",
    "ScoreReport",
    "Scores",
    "TableEvaluation",
    "TextTraits",
    "add_reference",
    "as_html",
    "evaluate_table",
    "leave_one_out",
    "make_reference",
    "read_card",
    "read_reference",
    "score_file",
    "text_traits",
]
