"""The commands of `analysis` that give trials as data; `analysis.cli` has the others."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.options import JsonFlag, StorePath, names_listed
from study.errors import UsageError
from study.terminal.console import json_answer, note, text_answer

# The columns that fit a terminal and say most; those at the right leave a narrow terminal first.
QUERY_COLUMNS = (
    "trial_id", "n", "k", "width", "train_size", "weight_decay", "seed", "memorized_epoch",
    "generalized_epoch", "ended", "epochs_run", "final_test_accuracy",
)  # fmt: skip


def query(
    store: StorePath,
    *,
    where: Annotated[
        str | None, typer.Option(help='Keep these trials: "weight_decay > 0.01 and k == 3".')
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Keep these columns: a,b. A table shows 12, files all that are stored."),
    ] = None,
    form: Annotated[
        Literal["table", "csv", "json", "parquet"], typer.Option("--format", help="How to write.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of stdout.")
    ] = None,
) -> bytes:
    """Print the trials of a study, filtered.

    A filter compares columns with ==, !=, <, <=, >, >=, in [...] and is null, joined by and, or,
    not and parentheses; text is in quotes: phase == "grokking" or not (n in [20, 30]).
    """
    from analysis.formats import fitted
    from analysis.tables.exports import FORMATS
    from analysis.tables.frames import some_trials
    from analysis.tables.output import write_whole

    form = "json" if as_json else form
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError(
            "parquet; it is bytes, which a terminal cannot show. Write a file with -o, or pipe it."
        )
    names = names_listed(columns)
    if names is None and form == "table":
        names = list(QUERY_COLUMNS)
    trials = some_trials(store, where, names and list(dict.fromkeys(names)))
    if form == "table" and output is None and sys.stdout.isatty():
        trials, left_out = fitted(trials, shutil.get_terminal_size().columns)
        if left_out:
            note(f"too wide for this terminal, left out: {', '.join(left_out)}")
    content = FORMATS[form](trials)
    if output is None:
        return content
    write_whole(output, content)
    return b""


def columns(as_json: JsonFlag = False) -> bytes:
    """List the columns that filters and --columns may name, in order, and what each holds."""
    import pandas as pd

    from analysis.formats import as_table, records
    from analysis.tables.meanings import COLUMN_MEANINGS
    from analysis.tables.where import COLUMNS, KINDS

    rows = [
        {"column": field.name, "holds": KINDS[field.type], **COLUMN_MEANINGS[field.name].to_json()}
        for field in COLUMNS
    ]
    table = pd.DataFrame(rows)
    return json_answer(records(table)) if as_json else text_answer(as_table(table))


def export(
    store: StorePath,
    *,
    folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder that is new, or empty. NAME_export."),
    ] = None,
    license_: Annotated[
        str, typer.Option("--license", help="Under which others may use the trials: CC-BY-4.0.")
    ] = "",
) -> None:
    """Write the trials for others: Parquet, CSV, the study file, and a card of what they mean."""
    from analysis.tables.export_files import export_study

    note(f"{export_study(store, folder, license_)}/")
