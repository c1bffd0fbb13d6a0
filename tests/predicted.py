"""Predictions for the tests of the store."""

from workshop_utils.production.store import Prediction, new_prediction_id

LABELS = ("neg", "pos")

HOSTILE = [
    "",
    "  \n\t ",
    "Grüße, schöner Tag für Füße",
    "नमस्ते, यह फ़िल्म अच्छी थी",
    "👩‍👩‍👧‍👦 👍🏽",
    "zero\0inside\0",
    "half a character \ud800 and \udfff",
    '\x1bjson:"a text that looks like our own form"',
    "\x1bjson:",
    "back\\slash \\u0000 'quotes' \"double\" % ; -- DROP TABLE predictions",
    "\u202eright to left\u202c \u200b\ufeff",
    "e" + "\u0301" * 1000,
    "x" * 1_000_000,
    "NA",
]


def prediction(text="a text", **changes) -> Prediction:
    """A prediction of the model ``v1`` that says ``pos``; everything can be changed."""
    values = {
        "prediction_id": new_prediction_id(),
        "model_version": "v1",
        "labels": LABELS,
        "label": "pos",
        "probabilities": (0.25, 0.75),
    }
    return Prediction(text=text, **(values | changes))
