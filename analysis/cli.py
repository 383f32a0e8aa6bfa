"""The `analysis` command: arguments to calls. `study.terminal.console` prints the answers.

Imports that take time wait until a command needs them.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from analysis import data_commands, question_commands
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


@app.callback()
def _options(version: Annotated[bool, version_option("analysis")] = False) -> None:
    """Read a study's store: its trials, their phases, a report."""


@app.command(rich_help_panel=SEE)
def phases(
    store: StorePath,
    preset: Annotated[
        str, typer.Option(help="What counts as grokking: default, or liu (arXiv 2205.10343).")
    ] = "default",
    *,
    threshold: Annotated[
        float | None,
        typer.Option(help="Events at first crossings of 0.9, 0.95, 0.98 or 0.99.", metavar="SHARE"),
    ] = None,
    where: WhereOption = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Instead: the diagram in the terminal.")
    ] = False,
    boundary: Annotated[
        bool, typer.Option("--boundary", help="Also where half of the seeds have the event.")
    ] = False,
    event: Annotated[
        str, typer.Option(help="Of the boundary: a column such as memorized_epoch.")
    ] = "generalized_epoch",
    x: Annotated[str | None, typer.Option(help="Of plot and boundary: axis across.")] = None,
    y: Annotated[str | None, typer.Option(help="Of plot and boundary: axis up.")] = None,
    patience: Annotated[
        bool,
        typer.Option("--patience", help="Instead: phases by the decay times that trials are seen."),
    ] = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Count the trials of each phase, with the median epochs of their events."""
    from analysis.text.phase_answers import PhaseRequest

    request = PhaseRequest(preset, threshold, boundary, plot, patience, event, x, y)
    return request.answer(store, where, as_json=as_json)


@app.command(rich_help_panel=SEE)
def report(
    store: StorePath,
    output: PageOption = Path("report.html"),
    x: XOption = None,
    y: YOption = None,
    circuits: Annotated[
        int, typer.Option(min=0, max=100, help="Networks to train again: what did they learn?")
    ] = 0,
    browse: OpenFlag = False,
) -> None:
    """Write one HTML file with the phase diagram, the times and the curves; it works offline."""
    from analysis.report.page import write_report

    def tell(done: int, count: int) -> None:
        note(f"training again: {done + 1} of {count}")

    write_report(store, output, x, y, circuits, tell)
    note(str(output))
    if browse:
        open_page(output)


@app.command(rich_help_panel=SEE)
def serve(
    store: StorePath,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    root_path: Annotated[
        str, typer.Option(help="Path at which a proxy shows the page.", metavar="/PATH")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name by which a proxy asks; with a token. May repeat.", metavar="NAME"
        ),
    ] = None,
    browse: OpenFlag = False,
) -> tuple[bytes, int]:
    """Show the study in a browser while it runs; ends with Ctrl-C.

    Where there is no store yet, the page waits for it. Beyond this machine it asks for a token,
    which the printed address has. Better: leave --host out, and reach it through
    ssh -L 8000:127.0.0.1:PORT.
    """
    from analysis.live.serve import Served
    from study.store.store import similar_store

    served = Served(store, host, port, root_path, allow_host or ())
    if served.open:
        note(
            f"warning: --host {host}; whoever reaches this machine and has the address below can "
            "read the study, and nothing is encrypted."
        )

    def ready(_: object) -> None:
        note(f"{store}: {served.url} (Ctrl-C ends it)")
        for name in allow_host or ():
            note(f"{store}: behind a proxy, {name}{served.behind}")
        if served.begin:
            near = similar_store(store)
            meant = f", or did you mean {near}?" if near else "."
            note(f"{store}: no study here yet; the page waits for `{served.begin}`{meant}")
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
    from analysis.text.asked import say_standing

    findings = make_figures(store, output, x, y)
    say_standing(store)
    for sentence in findings.left_out:
        note(sentence)
    note(f"{output}, {findings.folder}/")
    if browse:
        open_page(output)
    if as_json:
        answer = {"summary": records(findings.summary), "trials": records(findings.trials)}
        return json_answer({**answer, "left_out": list(findings.left_out)})
    return text_answer(as_table(findings.summary)) if len(findings.summary) else b""


@app.command(rich_help_panel=SEE)
def index(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Where stores are: a folder or a URL.")
    ] = "runs",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The HTML file to write. index.html in FOLDER."),
    ] = None,
    browse: OpenFlag = False,
) -> None:
    """Write one HTML page of all studies in a folder: thumbnails, counts, dates, links to reports.

    A store that cannot be read is named there with the reason.
    """
    from analysis.figures.index_page import write_index

    path, unread = write_index(folder, output)
    for sentence in unread:
        note(f"warning: {sentence}")
    note(str(path))
    if browse:
        open_page(path)


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
    from analysis.text import law_answers
    from analysis.text.asked import asked_trials

    trials = asked_trials(store, where)
    clusters = names_listed(cluster)
    request = law_answers.LawRequest(
        law, event, errors, names_listed(axes), cure, by, regime, clusters, draws, sample
    )
    if scorecard:
        answer = law_answers.scorecard_answer(store, trials, errors)
    elif finite_size:
        answer = law_answers.finite_size_answer(trials)
    elif slope is not None:
        answer = law_answers.slopes_answer(trials, slope, request, note)
    else:
        answer = law_answers.fit_answer(store, trials, request, note, _show_draws)
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def _show_draws(done: int, planned: int) -> None:
    """Show the draws of the bootstrap: on a terminal one line that changes, elsewhere the last."""
    end = "\r" if sys.stderr.isatty() and done < planned else "\n"
    if end == "\r" or done == planned:
        print(f"bootstrap: {done}/{planned}", end=end, file=sys.stderr, flush=True)


app.command(rich_help_panel=DATA)(data_commands.query)
app.command(rich_help_panel=DATA)(data_commands.columns)
app.command(rich_help_panel=DATA)(data_commands.export)
app.command(rich_help_panel=ASK)(question_commands.collapse)
app.command(rich_help_panel=ASK)(question_commands.ungrok)
app.command(rich_help_panel=ASK)(question_commands.forecast)
app.command(rich_help_panel=ASK)(question_commands.pairs)
app.command(rich_help_panel=ASK)(question_commands.compare)


def main() -> NoReturn:
    """The `analysis` command."""
    main_of(app)
