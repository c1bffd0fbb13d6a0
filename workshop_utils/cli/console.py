"""Where the command writes: texts as they are, without markup and without line breaks of its own."""

from rich.console import Console

console = Console(markup=False, highlight=False, soft_wrap=True)
errors = Console(markup=False, highlight=False, soft_wrap=True, stderr=True)
