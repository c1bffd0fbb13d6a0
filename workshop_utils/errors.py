"""The one error that the course shows to people."""


class WorkshopError(Exception):
    """Something a person can mend. The message says what was wrong and what to do, in one sentence."""
