"""The behavioural tests and word lists for film reviews that lie in ``data/film_suite.toml``; lesson 08."""

import tomllib
from functools import cache
from typing import Any

from workshop_utils.data.bundled import bundled_file
from workshop_utils.models.insights.behaviour import Behaviour, cases


def film_suite() -> list[Behaviour]:
    """The tests for a model of film reviews with the labels negative and positive."""
    return [
        Behaviour(test["name"], test["kind"], cases(test["cases"]), test.get("least"))
        for test in _content()["test"]
    ]


def film_words(kind: str) -> dict[str, Any]:
    """A word list about people: ``names`` by culture, ``gender`` or ``origin`` as pairs of words.

    Raises:
        KeyError: there is no such list.
    """
    return dict(_content()["words"][kind])


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(bundled_file("film_suite.toml").read_text(encoding="utf-8"))
