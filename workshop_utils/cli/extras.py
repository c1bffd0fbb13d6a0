"""What the base does without: one sentence where a command needs more."""

from collections.abc import Sequence
from importlib.util import find_spec

from workshop_utils.errors import WorkshopError

#: What training a challenger and judging it need beside the base.
NEEDED_TO_JUDGE = ("sklearn", "scipy", "pandas", "onnx", "threadpoolctl", "regex")


def need(command: str, extra: str, modules: Sequence[str]) -> None:
    """Do nothing if all of these can be imported.

    Args:
        command: the command that needs them.
        extra: of pyproject.toml, which brings them.
        modules: their names.

    Raises:
        WorkshopError: one is missing; the sentence says what installs it.
    """
    if missing := [name for name in modules if not _is_there(name)]:
        raise WorkshopError(
            f"`{command}` needs {missing[0]}, which is not installed; "
            f"`pip install -c requirements.lock '.[{extra}]'` brings it."
        )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False
