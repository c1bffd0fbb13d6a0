"""Exercise checks: they say in words what is right and what to look at, and never raise in class.

A check is a function whose parameters are named like the learner's variables::

    @exercise("Count the wrong digits")
    def check(n_wrong, expect):
        expect(isinstance(n_wrong, int), "it is a whole number", "turn the sum into an int")
        expect(n_wrong == sum(wrong), "it counts every wrong digit", "compare the two arrays")

It runs at once. Where a variable still holds ``...``, or a function still returns it, the exercise
is *open*; where every expectation holds it has *passed*; otherwise it is *wrong* and names the
first thing to look at. With ``WORKSHOP_STRICT=1`` a wrong answer raises ``AssertionError``.
"""

import html
import inspect
import os
import reprlib
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Literal

from workshop_utils.course.results import EXERCISE_MIME, show
from workshop_utils.course.untouched import is_untouched

ExerciseState = Literal["open", "passed", "wrong"]
_SYMBOLS = {"open": "○", "passed": "✓", "wrong": "✗"}
_COLOURS = {"open": "#595959", "passed": "#00664b", "wrong": "#a33b00"}


class _LookHere(Exception):
    """An expectation that does not hold."""


def exercise(title: str) -> Callable[[FunctionType], FunctionType]:
    """Decorate a check so that it runs at once on the variables its parameters name.

    Args:
        title: the exercise's title, as learners see it.

    Returns:
        The check as it was written, for :func:`judge_answer`.

    Raises:
        AssertionError: the answer is wrong and ``WORKSHOP_STRICT`` is 1.
    """

    def run(check: FunctionType) -> FunctionType:
        state, lines = judge_answer(check, check.__globals__)
        _report(title, state, lines)
        if state == "wrong" and os.environ.get("WORKSHOP_STRICT") == "1":
            raise AssertionError(f"{title}: {lines[-1]}")
        return check

    return run


def judge_answer(check: FunctionType, variables: Mapping[str, Any]) -> tuple[ExerciseState, list[str]]:
    """State of an answer, and what to tell about it, line by line; a wrong one is shown as it was got.

    Args:
        check: the function of an exercise.
        variables: where the answer is, by the names of the check's parameters.
    """
    names = [name for name in inspect.signature(check).parameters if name != "expect"]
    missing = [name for name in names if name not in variables]
    if missing:
        return "wrong", [f"There is no variable `{missing[0]}`; please keep the names that the task gives."]
    answers = {name: variables[name] for name in names}
    if any(is_untouched(answer) for answer in answers.values()):
        return "open", ["Open: replace the `...` by your code and run the cell again."]
    right: list[str] = []

    def expect(holds: Any, what: str, look_at: str) -> None:
        if not bool(holds):
            raise _LookHere(f"Not yet: {what}. Look at this: {look_at}.")
        right.append(f"Right: {what}.")

    try:
        check(**answers, expect=expect)
    except _LookHere as problem:
        return "wrong", [*_echo(answers), *right, str(problem)]
    except Exception as error:  # whatever a learner's answer may cause
        kind = type(error).__name__
        return "wrong", [
            *_echo(answers),
            *right,
            f"The answer could not be checked ({kind}: {error}). Is it of the kind the task asks for?",
        ]
    return "passed", right


def _echo(answers: Mapping[str, Any]) -> list[str]:
    """One line with the answers that can be shown in a few characters: numbers, words, short lists."""
    shown = []
    for name, value in answers.items():
        if getattr(value, "shape", ()):
            shown.append(f"{name} of shape {tuple(value.shape)}")
        elif isinstance(value, str | int | float | complex | list | tuple | dict | set | None) or hasattr(
            value, "item"
        ):
            shown.append(f"{name} = {reprlib.repr(value.item() if hasattr(value, 'item') else value)}")
    return [f"Got: {', '.join(shown)}."] if shown else []


def _report(title: str, state: ExerciseState, lines: list[str]) -> None:
    head = f"{_SYMBOLS[state]} {title}: {state}"
    text = "\n".join([head, *(f"  {line}" for line in lines)])
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    box = (
        f'<div style="border-left: 4px solid {_COLOURS[state]}; padding: 0.2em 0.8em">'
        f'<strong style="color: {_COLOURS[state]}">{html.escape(head)}</strong><ul>{items}</ul></div>'
    )
    show(text, EXERCISE_MIME, {"title": title, "state": state, "lines": lines}, box)
