"""Who runs the command."""

import getpass


def user_name(otherwise: str) -> str:
    """The name that the system knows; a container's user may have none, and is called ``otherwise``."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return otherwise
