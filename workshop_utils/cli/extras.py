"""What the base does without: one sentence where a command needs more."""

from collections.abc import Sequence
from importlib.util import find_spec

from workshop_utils.errors import WorkshopError


def need(command: str, extra: str, modules: Sequence[str]) -> None:
    """Do nothing if all of these can be imported.

    Args:
        command: the command that needs them.
        extra: of pyproject.toml, which brings them.
        modules: their names.

    Raises:
        WorkshopError: one is missing; the sentence says what installs it.
    """
    if missing := [name for name in modules if find_spec(name) is None]:
        raise WorkshopError(
            f"`{command}` needs {missing[0]}, which is not installed; "
            f"`pip install -c requirements.lock '.[{extra}]'` brings it."
        )
