"""The end of a run: its phases are counted and its report is written.

`study run` has this done by a process of its own, `python -m analysis.report.closing`, which loads
what it needs while packs train.
"""

import contextlib
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from analysis.formats import records
from analysis.phases.cells import summary
from analysis.phases.classify import classify
from analysis.report.page import prepare_report, write_report
from analysis.tables.frames import load_trials
from analysis.text.phase_table import phase_table_lines, watched_epochs
from study.terminal.console import tolerated


class RunSummary(TypedDict):
    """What a run has led to.

    Attributes:
        phases: of the trials that count, rows for JSON.
        phase_table: the same rows as text.
        others: how many other trials are stored.
        report: the path of the report, None where none was written.
    """

    phases: Sequence[Mapping[str, object]]
    phase_table: str
    others: int
    report: str | None


def close_run(store: str, output: str, done: Collection[str]) -> RunSummary:
    """Count the phases of a run, and write the report of its store.

    Args:
        store: path or URL of the store.
        output: path of the report.
        done: the ids of the trials that count: those of the plan, watched for its budget. They are
            the same trials as in the progress and in `study status`.

    Raises: StoreError for a damaged store. A report that cannot be written is a warning.
    """
    trials = load_trials(store)
    counted = trials[trials["trial_id"].isin(set(done))]
    report = None
    if len(trials):
        with tolerated("no report"):
            write_report(store, output)
            report = output
    phases = summary(counted)
    lines = phase_table_lines(phases, watched_epochs(classify(counted)))
    return {
        "phases": records(phases),
        "phase_table": "\n".join(lines),
        "others": len(trials) - len(counted),
        "report": report,
    }


def main() -> None:
    """Answer one call of `close_run`: its arguments are read from stdin, as JSON.

    An error is not told: the command, which gets no answer, calls `close_run` itself.
    """
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(Exception):
        prepare_report()
        if asked := sys.stdin.buffer.read():
            answers.write(json.dumps(close_run(**json.loads(asked))))


if __name__ == "__main__":
    main()
