"""Values for a lesson's ``parameters`` cell. An unknown name is an error, never silence."""

import ast
import json
from math import isfinite
from pathlib import Path
from typing import Any

import nbformat

from workshop_utils.course.syllabus import Lesson, Profile
from workshop_utils.errors import WorkshopError


def defaults(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Names and values that the notebook's ``parameters`` cell sets.

    Args:
        notebook: a lesson.

    Raises:
        WorkshopError: it has no such cell, or several.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise WorkshopError(f"A lesson needs one cell tagged 'parameters', this one has {len(cells)}.")
    statements = [node for node in ast.parse(cells[0].source).body if isinstance(node, ast.Assign)]
    return {
        target.id: ast.literal_eval(node.value)
        for node in statements
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def parse_settings(settings: list[str]) -> dict[str, str]:
    """``["epochs=3", "csv=a.csv"]`` as ``{"epochs": "3", "csv": "a.csv"}``: texts, as they were typed.

    A ``csv`` that lies in the current folder is named by its whole path, because a lesson runs elsewhere.

    Args:
        settings: texts of the form ``name=value``.

    Raises:
        WorkshopError: a text of another form.
    """
    values = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign or not name.isidentifier():
            raise WorkshopError(f"--set needs name=value, not {setting!r}.")
        values[name] = value
    if values.get("csv") and (path := Path(values["csv"]).expanduser()).is_file():
        values["csv"] = str(path.resolve())
    return values


def overrides(
    lesson: Lesson, notebook: nbformat.NotebookNode, profile: Profile, settings: dict[str, Any]
) -> dict[str, Any]:
    """The profile's values and then the settings, checked against the ``parameters`` cell.

    Args:
        lesson: the lesson.
        notebook: the lesson as a notebook.
        profile: which values of ``course.toml`` to take.
        settings: values by name; they win over the profile's. A text is read as the parameter's type asks:
            where that is text, as it was typed.

    Raises:
        WorkshopError: a name that the lesson does not know, or a value of another type.
    """
    known = defaults(notebook)
    values = lesson.parameters.get(profile, {}) | settings
    for name, value in values.items():
        if name not in known:
            raise WorkshopError(f"Lesson {lesson.slug} has no parameter {name!r}; it has {', '.join(known)}.")
        try:
            values[name] = _as_type_of(known[name], value)
        except (ValueError, OverflowError, RecursionError):
            kind = _KINDS.get(type(known[name]), type(known[name]).__name__)
            raise WorkshopError(
                f"Parameter {name} of lesson {lesson.slug} must be {kind}, not {value!r}."
            ) from None
    return values


#: What a parameter must be, for people.
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list in JSON",
    dict: "an object in JSON",
}


def _as_type_of(default: Any, value: Any) -> Any:
    """The value in the type of the default; ``ValueError`` where it is of another.

    What was typed is a text, and is read as JSON where the default is none.
    """
    if isinstance(default, str):
        return str(value)
    if isinstance(value, str):
        value = _from_json(value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(value)
    return value


def _from_json(text: str) -> Any:
    """JSON, and true and false as Python writes them, too."""
    text = text.strip()
    return json.loads(text.lower() if text in ("True", "False") else text)
