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
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal

from workshop_utils.course.results import EXERCISE_MIME, show

State = Literal["open", "passed", "wrong"]
_MARKS = {"open": "○", "passed": "✓", "wrong": "✗"}
_COLOURS = {"open": "#595959", "passed": "#00664b", "wrong": "#a33b00"}


class _LookHere(Exception):
    """An expectation that does not hold."""


def exercise(title: str) -> Callable[[Callable], None]:
    """Decorate a check so that it runs at once on the variables its parameters name."""

    def run(check: Callable) -> None:
        state, lines = _judge(check)
        _report(title, state, lines)
        if state == "wrong" and os.environ.get("WORKSHOP_STRICT") == "1":
            raise AssertionError(f"{title}: {lines[-1]}")

    return run


def _judge(check: Callable) -> tuple[State, list[str]]:
    names = [name for name in inspect.signature(check).parameters if name != "expect"]
    missing = [name for name in names if name not in check.__globals__]
    if missing:
        return "wrong", [f"There is no variable `{missing[0]}`; please keep the names that the task gives."]
    answers = {name: check.__globals__[name] for name in names}
    if any(_untouched(answer) for answer in answers.values()):
        return "open", ["Open: replace the `...` by your code and run the cell again."]
    right: list[str] = []

    def expect(holds: Any, what: str, look_at: str) -> None:
        if not bool(holds):
            raise _LookHere(f"Not yet: {what}. Look at this: {look_at}.")
        right.append(f"Right: {what}.")

    try:
        check(**answers, expect=expect)
    except _LookHere as problem:
        return "wrong", [*right, str(problem)]
    except Exception as error:  # whatever a learner's answer may cause
        kind = type(error).__name__
        return "wrong", [
            *right,
            f"The answer could not be checked ({kind}: {error}). Is it of the kind the task asks for?",
        ]
    return "passed", right


def _untouched(answer: Any) -> bool:
    """``...`` itself, or a function whose code still holds it."""
    if isinstance(answer, FunctionType):
        return Ellipsis in answer.__code__.co_consts
    return answer is ...


def _report(title: str, state: State, lines: list[str]) -> None:
    head = f"{_MARKS[state]} {title}: {state}"
    text = "\n".join([head, *(f"  {line}" for line in lines)])
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    box = (
        f'<div style="border-left: 4px solid {_COLOURS[state]}; padding: 0.2em 0.8em">'
        f'<strong style="color: {_COLOURS[state]}">{html.escape(head)}</strong><ul>{items}</ul></div>'
    )
    show(text, EXERCISE_MIME, {"title": title, "state": state, "lines": lines}, box)
