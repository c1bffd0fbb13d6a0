"""The one error that the course shows to people."""


class WorkshopError(Exception):
    """Something a person can mend. The message says what was wrong and what to do, in one sentence.

    Args:
        message: that sentence.
        runbook: the page that says more, as a path in the repository; None where the sentence is enough.
    """

    def __init__(self, *message: object, runbook: str | None = None) -> None:
        super().__init__(*message)
        self.runbook = runbook

    @property
    def told(self) -> str:
        """The message, and which page to read."""
        return f"{self} Read {self.runbook}." if self.runbook else str(self)
