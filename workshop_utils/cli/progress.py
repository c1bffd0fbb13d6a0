"""A bar for each step of a command that takes a while; it vanishes when the command ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workshop_utils.cli.console import console


@contextmanager
def step_bars() -> Iterator[Callable[[str, float], None]]:
    """A function that is told the title of a step and the share that is done; one bar is seen at a time."""
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:

        def progress(title: str, share: float) -> None:
            if title not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                tasks[title] = bars.add_task(title, total=1.0)
            bars.update(tasks[title], completed=share)

        yield progress
