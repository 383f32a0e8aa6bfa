"""Progress of a study on stderr: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from study.terminal.durations import duration_in_words

if TYPE_CHECKING:
    from study.terminal.bar import Bar

PLAIN_SECONDS = 5.0  # between progress lines where there is no terminal


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """How far a study is, in trials: planned, running, done, and failed in this run.

    `done` includes the trials that were stored before this run; `generalized` counts those of
    `done` that have generalized. `rate` is trials done per second in this run. `seconds_left`
    assumes that rate, and is None before the first trial is done. `over` says that the run has
    ended and that these are the store's counts.
    """

    planned: int
    running: int
    done: int
    generalized: int
    failed: int
    rate: float
    seconds_left: float | None
    over: bool = False

    def speed(self) -> str:
        """Trials done, and how fast, for the line of a bar."""
        if self.over:
            return f"{self.done:,}/{self.planned:,} trials"
        left = "" if self.seconds_left is None else f", {duration_in_words(self.seconds_left)} left"
        return f"{self.done:,}/{self.planned:,} trials, {self.rate:.1f}/s{left}"

    def counts(self) -> str:
        """What became of the trials, for the line below a bar."""
        return f"{self.generalized:,} generalized, {self.running:,} running, {self.failed:,} failed"

    def words(self) -> str:
        """The progress in one line."""
        left = "?" if self.seconds_left is None else duration_in_words(self.seconds_left)
        return (
            f"{self.done}/{self.planned} trials done, "
            f"{self.running} running, {self.generalized} generalized, {self.failed} failed, "
            f"{self.rate:.1f}/s, {left} left"
        )


class Display:
    """Shows the progress of a study on stderr while its `with` block runs.

    Args:
        name: of the study.
        quiet: whether progress is left out; what `say` is told is shown nevertheless.
    """

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        self._name, self._quiet = name, quiet
        self._bar: Bar | None = None
        self._shown: StudyProgress | None = None
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if sys.stderr.isatty():
            from study.terminal.bar import Bar  # noqa: PLC0415  rich is slow to load

            self._bar = Bar(self._name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            if self._shown is not None:
                self.show(self._shown)  # in place of the words of a last stage
            self._bar.stop()

    def stage(self, words: str) -> None:
        """Show what is done now: on a terminal with the seconds that it lasts, else as a line."""
        if self._bar is not None:
            self._bar.stage(words)
        elif not self._quiet:
            self._print(words)

    def stopping(self) -> bool:
        """Show that the study stops; False where there is no bar. A signal handler may call."""
        if self._bar is None:
            return False
        self._bar.stopping()
        return True

    def show(self, progress: StudyProgress) -> None:
        """Show the progress: the bar always, a line once in PLAIN_SECONDS and at the end."""
        if self._quiet:
            return
        if self._bar is not None:
            self._shown = progress
            self._bar.update(progress.done, progress.planned, progress.speed(), progress.counts())
        elif progress.over or (
            # The line of a finished study is printed once, with the store's counts.
            progress.done < progress.planned and time.monotonic() - self._last_line >= PLAIN_SECONDS
        ):
            self._last_line = time.monotonic()
            self._print(progress.words())

    def say(self, words: str) -> None:
        """Print a line beside the progress, such as what the study waits for or has lost."""
        if self._bar is not None:
            self._bar.print(f"{self._name}: {words}")
        else:
            self._print(words)

    def _print(self, words: str) -> None:
        sys.stderr.write(f"{self._name}: {words}\n")
        sys.stderr.flush()
