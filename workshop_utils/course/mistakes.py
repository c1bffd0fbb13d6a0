"""Typical mistakes of an exercise, and what its check must say to each.

Part ``mistake`` of an exercise is a wrong answer as learners give it; ``says`` are words of the check::

    # %% exercise="shout" part="mistake" says="look for a method that makes capitals"
    loud = word

The runner executes every mistake with the solved form; no notebook of participants and no page shows one.
"""

from types import FunctionType

from workshop_utils.course.checks import judge_answer
from workshop_utils.course.results import show

MISTAKE_MIME = "application/vnd.workshop.mistake+json"


def mistake(check: FunctionType, code: str, says: str) -> None:
    """Give a wrong answer to a check, beside the notebook's variables, and report what the check said.

    Args:
        check: the check of the exercise.
        code: the wrong answer; what it changes in place stays changed.
        says: words that the check's last line must hold.
    """
    variables = dict(check.__globals__)
    exec(compile(code, "<mistake>", "exec"), variables)
    state, lines = judge_answer(check, variables)
    noticed = state == "wrong" and says in lines[-1]
    message = lines[-1] if lines else state
    text = f"{'noticed' if noticed else 'NOT NOTICED'}: {message}"
    show(text, MISTAKE_MIME, {"noticed": noticed, "says": says, "message": message})
