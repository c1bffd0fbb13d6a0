"""Values for a lesson's ``parameters`` cell. An unknown name is an error, never silence."""

import ast
import json
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


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """``["epochs=3", "csv=a.csv"]`` as ``{"epochs": 3, "csv": "a.csv"}``; what is no JSON is text.

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
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
    return values


def overrides(
    lesson: Lesson, notebook: nbformat.NotebookNode, profile: Profile, settings: dict[str, Any]
) -> dict[str, Any]:
    """The profile's values and then the settings, checked against the ``parameters`` cell.

    Args:
        lesson: the lesson.
        notebook: the lesson as a notebook.
        profile: which values of ``course.toml`` to take.
        settings: values by name; they win over the profile's.

    Raises:
        WorkshopError: a name that the lesson does not know, or a value of another type.
    """
    known = defaults(notebook)
    values = lesson.parameters.get(profile, {}) | settings
    for name, value in values.items():
        if name not in known:
            raise WorkshopError(f"Lesson {lesson.slug} has no parameter {name!r}; it has {', '.join(known)}.")
        if isinstance(known[name], str):
            values[name] = str(value)
        elif isinstance(known[name], float) and type(value) is int:
            values[name] = float(value)
        elif type(value) is not type(known[name]):
            kind = type(known[name]).__name__
            raise WorkshopError(
                f"Parameter {name} of lesson {lesson.slug} must be of type {kind}, not {value!r}."
            )
    return values
