"""Claims: sentences of a lesson about its own output, executed with it.

A cell tagged ``claim`` stands behind the text that reads a result::

    claim("The network beats the averages", test_accuracy > baseline_accuracy)

It runs with ``workshop run`` and does not appear in participants' notebooks. The runner counts the claims; on
the bundled data, in the profiles ``workshop`` and ``full``, a false one fails the run with its sentence.
"""

from typing import Any

from workshop_utils.course.results import show

CLAIM_MIME = "application/vnd.workshop.claim+json"


def claim(sentence: str, holds: Any, learning: bool = True) -> None:
    """Say whether a sentence of the lesson is true of what was just computed.

    Args:
        sentence: what the text says, in one sentence.
        holds: the condition; anything with one truth value.
        learning: is it about what a model has learned? With shuffled labels most of these must be false.
    """
    true = bool(holds)
    data = {"sentence": sentence, "holds": true, "learning": learning}
    show(f"{'true' if true else 'FALSE'}: {sentence}", CLAIM_MIME, data)
