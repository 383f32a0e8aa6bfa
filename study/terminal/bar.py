"""The progress of a study on a terminal, drawn by rich: a bar, and a line of counts below.

rich takes a tenth of a second to load. `Display` imports this module on a terminal only.
"""

import sys
import time
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, Task, TextColumn
from rich.text import Text

from study.terminal.paint import only_ascii

STOPPING = "stopping: packs leave their checkpoints; again to stop at once"


class _PlainConsole(Console):
    """A console that draws in ASCII, for terminals of the locale C."""

    @property
    def encoding(self) -> str:
        """What rich asks before it draws a bar."""
        return "ascii"


class _Lines(Progress):
    """A bar, with a line of counts below."""

    below = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, then the line if there is one; rich asks ten times a second."""
        yield self.make_tasks_table(self.tasks)
        if self.below:
            yield Text(self.below, style="dim", no_wrap=True, overflow="ellipsis")


class _WordsColumn(TextColumn):
    """Words; those of a stage are followed by the seconds that it has lasted."""

    def render(self, task: Task) -> Text:
        """The words of this moment."""
        since = task.fields["since"]
        lasted = "" if since is None else f" {time.monotonic() - since:.0f} s"
        return Text(f"{task.fields['words']}{lasted}", no_wrap=True)


class Bar:
    """A bar with a name before it and words behind it, on stderr from its construction on."""

    def __init__(self, name: str) -> None:
        console = (_PlainConsole if only_ascii() else Console)(file=sys.stderr)
        self._name = name
        self._progress = _Lines(
            TextColumn("[bold]{task.description}"), BarColumn(), _WordsColumn(""), console=console
        )
        self._task = self._progress.add_task(name, total=None, words="", since=None)
        self._stopping = False
        self._progress.start()

    def stage(self, words: str) -> None:
        """Show what is done now, with the seconds that it lasts."""
        self._progress.below = ""
        self._progress.update(self._task, words=words, since=time.monotonic())

    def update(self, done: int, planned: int, words: str, below: str) -> None:
        """Fill the bar to `done` of `planned`, with these words behind it and these below."""
        self._progress.below = STOPPING if self._stopping else f"{' ' * len(self._name)} {below}"
        self._progress.update(self._task, completed=done, total=planned, words=words, since=None)

    def stopping(self) -> None:
        """Show from now on that the study stops. It writes nothing: a signal handler may call."""
        self._stopping = True
        self._progress.below = STOPPING

    def print(self, line: str) -> None:
        """Print a line above the bar, as it is: no markup, no colors, no line breaks."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is, without the line below, and free the terminal."""
        self._progress.below = ""
        self._progress.stop()
