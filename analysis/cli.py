"""The `analysis` command: arguments to calls. `study.terminal.console` prints the answers.

Imports that take time wait until a command needs them.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from analysis import question_commands
from analysis.options import (
    AlikeOption,
    DrawsOption,
    EventOption,
    FiniteSizeFlag,
    JsonFlag,
    LawOption,
    PageOption,
    PowersOption,
    RegimeOption,
    SampleOption,
    ScorecardFlag,
    SlopeOption,
    StorePath,
    WhereOption,
    XOption,
    YOption,
    names_listed,
)
from study.errors import UsageError
from study.terminal.arguments import OpenFlag
from study.terminal.browser import open_page
from study.terminal.console import (
    INTERRUPTED,
    json_answer,
    main_of,
    note,
    text_answer,
    version_option,
)
from study.terminal.help_text import new_program

SEE, DATA, ASK = "Looking at a study", "Trials as data", "Questions"

app = new_program()

# The columns that fit a terminal and say most.
QUERY_COLUMNS = (
    "trial_id", "n", "k", "width", "train_size", "weight_decay", "seed", "ended", "epochs_run",
    "memorized_epoch", "generalized_epoch", "final_test_accuracy",
)  # fmt: skip


@app.callback()
def _options(version: Annotated[bool, version_option("analysis")] = False) -> None:
    """Read a study's store: its trials, their phases, a report."""


@app.command(rich_help_panel=DATA)
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
    names = names_listed(columns)
    if names is None and form == "table":
        names = list(QUERY_COLUMNS)
    content = FORMATS[form](some_trials(store, where, names and list(dict.fromkeys(names))))
    if output is None:
        return content
    write_whole(output, content)
    return b""


@app.command(rich_help_panel=DATA)
def columns(as_json: JsonFlag = False) -> bytes:
    """List the columns that filters and --columns may name, in order, and what each holds."""
    import pandas as pd

    from analysis.formats import as_table, records
    from analysis.tables.where import COLUMNS, KINDS

    table = pd.DataFrame([{"column": field.name, "holds": KINDS[field.type]} for field in COLUMNS])
    return json_answer(records(table)) if as_json else text_answer(as_table(table))


@app.command(rich_help_panel=SEE)
def phases(
    store: StorePath,
    preset: Annotated[
        str, typer.Option(help="What counts as grokking: default, or liu (arXiv 2205.10343).")
    ] = "default",
    *,
    where: WhereOption = None,
    boundary: Annotated[
        bool, typer.Option("--boundary", help="Also where half of the seeds have the event.")
    ] = False,
    event: Annotated[
        str, typer.Option(help="Of the boundary: a column such as memorized_epoch.")
    ] = "generalized_epoch",
    x: Annotated[str | None, typer.Option(help="Of the boundary: axis across.")] = None,
    y: Annotated[str | None, typer.Option(help="Of the boundary: axis up.")] = None,
    patience: Annotated[
        bool,
        typer.Option("--patience", help="Instead: phases by the decay times that trials are seen."),
    ] = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Count the trials of each phase, with the median epochs of their events."""
    from analysis.phases.classify import columns_of_preset
    from analysis.tables.frames import PHASE_TABLE, some_trials
    from analysis.text.patience_counts import PatienceCounts
    from analysis.text.phase_counts import PhaseCounts

    counted = columns_of_preset(preset)  # an error of the user's comes before errors of the store
    if patience and boundary:
        raise UsageError("--patience and --boundary; an answer has one of them. Leave one out.")
    trials = some_trials(store, where, PHASE_TABLE if patience or boundary else counted)
    counts: PatienceCounts | PhaseCounts
    if patience:
        counts = PatienceCounts.of(trials, preset)
    else:
        drawn = None
        if boundary:
            from analysis.phases.slices import StudyBoundary

            drawn = StudyBoundary.of(trials, x, y, event)
        counts = PhaseCounts.of(trials, preset, drawn)
    return json_answer(counts.to_json()) if as_json else text_answer(*counts.lines())


@app.command(rich_help_panel=SEE)
def report(
    store: StorePath,
    output: PageOption = Path("report.html"),
    x: XOption = None,
    y: YOption = None,
    browse: OpenFlag = False,
) -> None:
    """Write one HTML file with the phase diagram, the times and the curves; it works offline."""
    from analysis.report.page import write_report

    write_report(store, output, x, y)
    note(str(output))
    if browse:
        open_page(output)


@app.command(rich_help_panel=SEE)
def serve(
    store: StorePath,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    browse: OpenFlag = False,
) -> tuple[bytes, int]:
    """Show the study in a browser while it runs; ends with Ctrl-C.

    Beyond this machine it asks for a token, which the printed address has. Better: leave --host
    out, and reach it through ssh -L 8000:127.0.0.1:PORT.
    """
    from analysis.live.serve import Served

    served = Served(store, host, port)
    if served.open:
        note(
            f"warning: --host {host}; whoever reaches this machine and has the address below can "
            "read the study, and nothing is encrypted."
        )

    def ready(_: object) -> None:
        note(f"{store}: {served.url} (Ctrl-C ends it)")
        if browse:
            open_page(served.url)

    with contextlib.suppress(KeyboardInterrupt):  # the usual end of this command
        served.run(ready)
    return b"", INTERRUPTED


@app.command(rich_help_panel=SEE)
def circuits(
    store: StorePath,
    trial: Annotated[
        str, typer.Argument(metavar="TRIAL", help="A trial_id, or enough of its beginning.")
    ],
    output: PageOption = Path("circuits.html"),
    browse: OpenFlag = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Replay one trial and follow its circuits; charts go to OUTPUT and the folder beside it."""
    from analysis.figures.one_trial import draw_circuits
    from analysis.formats import records
    from analysis.text.circuit_text import circuit_lines

    portrait = draw_circuits(store, trial, output)
    note(str(output))
    if browse:
        open_page(output)
    if not as_json:
        return text_answer(*circuit_lines(portrait))
    tables = ("circuits", "survivors", "tickets")
    rows = {name: records(getattr(portrait, name)) for name in tables}
    return json_answer({**portrait.facts_json(), **rows, "lacking": portrait.lacking})


@app.command(rich_help_panel=SEE)
def figures(
    store: StorePath,
    output: PageOption = Path("figures.html"),
    x: XOption = None,
    y: YOption = None,
    browse: OpenFlag = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Draw the charts of a study, and the figures of arXiv 2303.11873 for which it has trials.

    Prints the numbers of these figures. The charts go to OUTPUT, and each of them as CSV, SVG,
    PNG and PDF to a folder beside it.
    """
    from analysis.figures.make import make_figures
    from analysis.formats import as_table, records

    findings = make_figures(store, output, x, y)
    for sentence in findings.left_out:
        note(sentence)
    note(f"{output}, {findings.folder}/")
    if browse:
        open_page(output)
    if as_json:
        answer = {"summary": records(findings.summary), "trials": records(findings.trials)}
        return json_answer({**answer, "left_out": list(findings.left_out)})
    return text_answer(as_table(findings.summary)) if len(findings.summary) else b""


@app.command(rich_help_panel=ASK)
def laws(
    store: StorePath,
    *,
    law: LawOption = None,
    event: EventOption = "generalized",
    errors: Annotated[str, typer.Option(help="lognormal, loglogistic or weibull.")] = "lognormal",
    axes: PowersOption = None,
    cure: Annotated[bool, typer.Option(help="A share of trials never has the event.")] = False,
    by: Annotated[str | None, typer.Option(help="Fit each value of a column by itself.")] = None,
    regime: RegimeOption = None,
    cluster: AlikeOption = None,
    where: WhereOption = None,
    draws: DrawsOption = 0,
    sample: SampleOption = 50_000,
    slope: SlopeOption = None,
    scorecard: ScorecardFlag = False,
    finite_size: FiniteSizeFlag = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Fit laws of the transition time, censored trials included, best prediction first.

    Estimates come with 95% intervals; those after "strata" allow for scatter between strata, which
    are trials that are alike in all but learning rate and weight decay.
    """
    from analysis.tables.frames import some_trials
    from analysis.text import law_answers

    trials = some_trials(store, where)
    clusters = names_listed(cluster)
    request = law_answers.LawRequest(
        law, event, errors, names_listed(axes), cure, by, regime, clusters, draws, sample
    )
    if scorecard:
        answer = law_answers.scorecard_answer(store, trials, errors)
    elif finite_size:
        answer = law_answers.finite_size_answer(trials)
    elif slope is not None:
        answer = law_answers.slopes_answer(trials, slope, request)
    else:
        answer = law_answers.fit_answer(store, trials, request, note, _show_draws)
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def _show_draws(done: int, planned: int) -> None:
    """Show the draws of the bootstrap: on a terminal one line that changes, elsewhere the last."""
    end = "\r" if sys.stderr.isatty() and done < planned else "\n"
    if end == "\r" or done == planned:
        print(f"bootstrap: {done}/{planned}", end=end, file=sys.stderr, flush=True)


app.command(rich_help_panel=ASK)(question_commands.collapse)
app.command(rich_help_panel=ASK)(question_commands.forecast)
app.command(rich_help_panel=ASK)(question_commands.pairs)


def main() -> NoReturn:
    """The `analysis` command."""
    main_of(app)
