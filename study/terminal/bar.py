"""The progress bar of a study on a terminal, drawn by rich.

rich takes a tenth of a second to load. `Display` imports this module on a terminal only.
"""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn


class Bar:
    """A bar with a name before it and words behind it, on stderr from its construction on."""

    def __init__(self, name: str, words: str) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(file=sys.stderr),
        )
        self._task = self._progress.add_task(name, total=None, words=words)
        self._progress.start()

    def update(self, done: int, planned: int, words: str) -> None:
        """Fill the bar to `done` of `planned`, with these words behind it."""
        self._progress.update(self._task, completed=done, total=planned, words=words)

    def print(self, line: str) -> None:
        """Print a line above the bar, as it is: no markup, no colors, no line breaks."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is and free the terminal."""
        self._progress.stop()
