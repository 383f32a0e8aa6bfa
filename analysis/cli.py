"""The `analysis` command: arguments to calls. Answers are printed by `study.terminal.console`.

Imports that take time wait until a command needs them.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from study.errors import UsageError
from study.terminal.console import INTERRUPTED, json_answer, main_of, text_answer, version_option

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Of all columns, those that fit a terminal and say most.
TABLE_COLUMNS = (
    "trial_id", "n", "k", "width", "train_size", "weight_decay", "seed", "ended", "epochs_run",
    "memorized_epoch", "generalized_epoch", "final_test_accuracy",
)  # fmt: skip

StorePath = Annotated[str, typer.Argument(metavar="STORE", help="Folder or URL of a study.")]


@app.callback()
def options(version: Annotated[bool, version_option("analysis")] = False) -> None:
    """Read a study's store: its trials, their phases, a report."""


@app.command()
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
    from analysis.tables.exports import FORMATS
    from analysis.tables.frames import some_trials
    from analysis.tables.output import write_whole

    form = "json" if as_json else form
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError(
            "parquet; it is bytes, which a terminal cannot show. Write a file with -o, or pipe it."
        )
    wanted = None
    if columns is not None:
        wanted = list(dict.fromkeys(name.strip() for name in columns.split(",")))
    if wanted is None and form == "table":
        wanted = list(TABLE_COLUMNS)
    content = FORMATS[form](some_trials(store, where, wanted))
    if output is None:
        return content
    write_whole(output, content)
    return b""


@app.command()
def columns(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> bytes:
    """List the columns that filters and --columns may name, in order, and what each holds."""
    import pandas as pd

    from analysis.formats import as_table, records
    from analysis.tables.where import COLUMNS, KINDS

    table = pd.DataFrame([{"column": one.name, "holds": KINDS[one.type]} for one in COLUMNS])
    return json_answer(records(table)) if as_json else text_answer(as_table(table))


@app.command()
def phases(
    store: StorePath,
    preset: Annotated[
        str, typer.Option(help="What counts as grokking: default, or liu (arXiv 2205.10343).")
    ] = "default",
    *,
    where: Annotated[str | None, typer.Option(help="Keep these trials, as in query.")] = None,
    boundary: Annotated[
        bool, typer.Option("--boundary", help="Also where half of the seeds have the event.")
    ] = False,
    event: Annotated[
        str, typer.Option(help="Of the boundary: a column such as memorized_epoch.")
    ] = "generalized_epoch",
    x: Annotated[str | None, typer.Option(help="Of the boundary: axis across.")] = None,
    y: Annotated[str | None, typer.Option(help="Of the boundary: axis up.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> bytes:
    """Count the trials of each phase, with the median epochs of their events."""
    from analysis.formats import as_table, records
    from analysis.phases.classify import FLAGS, classify, find_preset, summary
    from analysis.tables.frames import some_trials

    find_preset(preset)  # what the user wrote comes before what the store holds
    trials = some_trials(store, where)
    table = summary(trials, preset)
    study_boundary = None
    if boundary:
        from analysis.phases.slices import StudyBoundary
        from analysis.text.boundary_text import boundary_lines

        study_boundary = StudyBoundary.of(trials, x, y, event)
    labelled = classify(trials, preset)
    flags = {name: int(labelled[name].sum()) for name in FLAGS}
    if as_json:
        answer = {"preset": preset, "trials": len(trials), "phases": records(table), "flags": flags}
        return json_answer(
            answer | ({"boundary": study_boundary.to_json()} if study_boundary else {})
        )
    table["share"] = table["share"].map("{:.0%}".format)
    flagged = ", ".join(f"{count} {name}" for name, count in flags.items() if count)
    lines = boundary_lines(study_boundary) if study_boundary else []
    return text_answer(as_table(table), f"flags: {flagged or 'none'}", *lines)


@app.command()
def report(
    store: StorePath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    x: Annotated[str | None, typer.Option(help="Axis across; weight_decay if it varies.")] = None,
    y: Annotated[str | None, typer.Option(help="Axis up; train_size if it varies.")] = None,
) -> None:
    """Write one HTML file with the phase diagram, the times and the curves; it works offline."""
    from analysis.report.page import write_report

    write_report(store, output, x, y)
    print(output, file=sys.stderr)


@app.command()
def serve(
    store: StorePath,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    browse: Annotated[bool, typer.Option("--open", help="Open it in a browser, too.")] = False,
) -> tuple[bytes, int]:
    """Show the study in a browser while it runs; ends with Ctrl-C.

    Beyond this machine it asks for a token, which the printed address has. Better: leave --host
    out, and reach it through ssh -L 8000:127.0.0.1:PORT.
    """
    from analysis.live.serve import Served

    served = Served(store, host, port)
    if served.open:
        print(
            f"warning: --host {host}; whoever reaches this machine and has the address below can "
            "read the study, and nothing is encrypted.",
            file=sys.stderr,
        )

    def ready(_: object) -> None:
        print(f"{store}: {served.url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        if browse:
            import webbrowser

            webbrowser.open(served.url)

    with contextlib.suppress(KeyboardInterrupt):  # its usual end, which needs no word
        served.run(ready)
    return b"", INTERRUPTED


@app.command()
def circuits(
    store: StorePath,
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="A trial_id, or enough of its beginning.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "circuits.html"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> bytes:
    """Replay one trial and follow its circuits; charts go to OUTPUT and the folder beside it."""
    from analysis.figures.one_trial import draw_circuits
    from analysis.formats import records
    from analysis.text.circuit_text import circuit_lines

    found = draw_circuits(store, trial, output)
    print(output, file=sys.stderr)
    if not as_json:
        return text_answer(*circuit_lines(found))
    tables = ("circuits", "survivors", "tickets")
    rows = {name: records(getattr(found, name)) for name in tables}
    return json_answer({**found.facts_json(), **rows, "lacking": found.lacking})


@app.command()
def figures(
    store: StorePath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "figures.html"
    ),
    x: Annotated[str | None, typer.Option(help="Axis across; weight_decay if it varies.")] = None,
    y: Annotated[str | None, typer.Option(help="Axis up; train_size if it varies.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> bytes:
    """Draw the charts of a study, and the figures of arXiv 2303.11873 for which it has trials.

    Prints what was found of the latter. Charts go to OUTPUT, with CSV, SVG, PNG and PDF of each to
    a folder beside it.
    """
    from analysis.figures.make import make_figures
    from analysis.formats import as_table, records

    found = make_figures(store, output, x, y)
    for sentence in found.left_out:
        print(sentence, file=sys.stderr)
    print(f"{output}, {found.folder}/", file=sys.stderr)
    if as_json:
        answer = {"summary": records(found.summary), "trials": records(found.trials)}
        return json_answer({**answer, "left_out": list(found.left_out)})
    return text_answer(as_table(found.summary)) if len(found.summary) else b""


@app.command()
def laws(
    store: StorePath,
    *,
    law: Annotated[
        list[str] | None, typer.Option(help="One law, all that can be fitted otherwise. Repeats.")
    ] = None,
    event: Annotated[str, typer.Option(help="memorized, generalized or delay.")] = "generalized",
    errors: Annotated[str, typer.Option(help="lognormal, loglogistic or weibull.")] = "lognormal",
    axes: Annotated[
        str | None, typer.Option(help="Powers beside the law's own: a,b. All axes that vary.")
    ] = None,
    cure: Annotated[bool, typer.Option(help="A share of trials never has the event.")] = False,
    by: Annotated[str | None, typer.Option(help="Fit each value of a column by itself.")] = None,
    where: Annotated[str | None, typer.Option(help="Keep these trials, as in query.")] = None,
    draws: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resample points so often, too.")
    ] = 0,
    scorecard: Annotated[
        bool, typer.Option("--scorecard", help="Test what was published instead.")
    ] = False,
    finite_size: Annotated[
        bool, typer.Option("--finite-size", help="The share that groks, for each n, instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> bytes:
    """Fit laws of the transition time, censored trials included, best prediction first.

    Estimates come with 95% intervals; those after "points" allow for scatter between points.
    """
    from analysis.formats import records
    from analysis.laws import finite_size as sizes
    from analysis.laws import scorecard as statements
    from analysis.laws import study_fits as answers
    from analysis.tables.frames import some_trials
    from analysis.text import law_text

    trials = some_trials(store, where)
    content: Any
    if scorecard:
        content = records(statements.scorecard(answers.with_norms_of(store, trials), errors))
        lines = law_text.lines_of_scorecard(content)
    elif finite_size:
        found = sizes.finite_size(trials)
        content, lines = found.to_json(), law_text.lines_of_sizes(found)
    else:
        chosen = None if axes is None else [name.strip() for name in axes.split(",")]
        if law is None or "norms" in law:
            trials = answers.with_norms_of(store, trials)
        lists, refused = answers.fit_study(trials, law, event, errors, chosen, cure, by)
        for line in refused:
            print(line, file=sys.stderr)
        if draws:
            lists = answers.resampled(lists, draws, _count)
        content = [fit.to_json() for fits in lists for fit in fits]
        lines = [line for fits in lists for line in law_text.lines_of_fits(fits)]
    return json_answer(content) if as_json else text_answer(*lines)


def _count(done: int, planned: int) -> None:
    end = "\r" if sys.stderr.isatty() and done < planned else "\n"
    if end == "\r" or done == planned:
        print(f"bootstrap: {done}/{planned}", end=end, file=sys.stderr, flush=True)


def main() -> NoReturn:
    """The `analysis` command."""
    main_of(app)
