"""The command `study`: each command turns its arguments into calls, and returns its answer.

What a command answers is made in `plan.command_answers`, and `terminal.console` prints the answer.
stdout is data; everything else goes to stderr. Exit codes: 0 ok, 1 error, 2 usage, 3 some trials
failed, 130 interrupted. torch and Ray are imported inside the commands that need them.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from study import file_commands
from study.machine import check_address, cores_for, use_one_allocator
from study.terminal.arguments import (
    ClusterOption,
    JobArgument,
    JobsOption,
    JsonOption,
    OpenFlag,
    OutOption,
    QuietFlag,
    ServeFlag,
    SetOption,
    SpecArgument,
    StoreArgument,
)
from study.terminal.beside import Beside
from study.terminal.browser import open_page
from study.terminal.console import (
    ended_like_ctrl_c,
    json_answer,
    main_of,
    note,
    text_answer,
    version_option,
    write_answer,
)
from study.terminal.display import Display, StudyProgress
from study.terminal.help_text import new_program
from study.terminal.page_beside import PageBeside
from study.terminal.paint import colors_wanted

if TYPE_CHECKING:
    from study.driver.tune import Outcome
    from study.plan.command_answers import Closing, Stopped
    from study.plan.plan import Plan
    from study.spec.models import StudySpec
    from study.store.store import Store

LARGE = 100_000  # a plan of more trials takes some seconds

WRITE, TRAIN, CLUSTER, CARE = "Study files", "Training", "On a cluster", "Stores and machines"

app = new_program()
app.command(rich_help_panel=WRITE)(file_commands.init)
app.command(rich_help_panel=WRITE)(file_commands.show)
app.command(rich_help_panel=WRITE)(file_commands.schema)


@app.callback()
def options(version: Annotated[bool, version_option("study")] = False) -> None:
    """Train thousands of tiny networks and find out when they grok."""


@app.command(rich_help_panel=TRAIN)
def plan(
    spec: SpecArgument,
    sets: SetOption = None,
    out: OutOption = "runs",
    cluster: Annotated[
        str | None, typer.Option(help="A cluster's yaml file: node-hours there.")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(help="What an hour of a type of its nodes costs.", metavar="TYPE=PRICE"),
    ] = None,
    as_json: JsonOption = False,
) -> bytes:
    """What would run: trials, packs, shapes, estimated time and memory. Nothing is trained."""
    from study.plan.command_answers import Forecast
    from study.plan.plan import make_plan
    from study.spec.file import load_spec
    from study.store.address import inside
    from study.store.store import Store

    study = load_spec(spec, tuple(sets or ()))
    _announce(study)
    planned = make_plan(study, Store(inside(out, study.name)), ahead=True)
    forecast = Forecast.of(planned, cluster, price or ())
    return json_answer(forecast.to_json()) if as_json else text_answer(*forecast.lines())


@app.command(rich_help_panel=TRAIN)
@ended_like_ctrl_c()
def run(
    spec: SpecArgument,
    sets: SetOption = None,
    out: OutOption = "runs",
    address: Annotated[
        str, typer.Option(help="Ray to run on: local (its own), auto, or a cluster's address.")
    ] = "local",
    cpus: Annotated[
        int | None, typer.Option(help="Cores of a local Ray: all that it may use.", metavar="N")
    ] = None,
    quiet: QuietFlag = False,
    serve: ServeFlag = False,
    browse: OpenFlag = False,
    as_json: JsonOption = False,
) -> tuple[bytes, int]:
    """Train what the store lacks, then print the phases and write the report."""
    from study.plan import costs
    from study.plan.plan import start_study
    from study.plan.status import others_at_work
    from study.spec.file import load_spec
    from study.store.address import inside
    from study.store.store import Store

    study = load_spec(spec, tuple(sets or ()))
    check_address(address)
    cores = cores_for(cpus, address)
    store = Store(inside(out, study.name))
    if others := others_at_work(store):
        print(f"{study.name}: warning: {others}", file=sys.stderr)
    if not quiet:
        _announce(study)
    with PageBeside("analysis.live.run_page") as page:
        if serve:
            page.start(store.url, study.name, open_page if browse else None)
        planned = start_study(study, store, ["study", *sys.argv[1:]])
        for words in planned.notes:
            note(f"note: {words}")
        for warning in costs.warnings(planned.trials, planned.packs):
            note(f"warning: {warning}")
        closing = _finished(planned, store, address, cores, quiet=quiet)
        if browse and closing.report and not serve:
            open_page(closing.report)
        answer = _written(closing, as_json=as_json)
        if closing.stopped != "interrupted" and sys.stderr.isatty() and page.address():
            write_answer(answer)
            answer = b""
            page.stay()
    return answer, 130 if closing.stopped == "interrupted" else 3 if closing.failed else 0


def _written(closing: "Closing", *, as_json: bool) -> bytes:
    """The answer of `study run`; on a terminal with phases on their colors."""
    if as_json:
        return json_answer(closing.to_json())
    lines = closing.lines()
    if colors_wanted(sys.stdout):
        from analysis.phases.palette import paint_phases

        lines = paint_phases(lines)
    return text_answer(*lines)


def _announce(study: "StudySpec") -> None:
    """Say that a large study is being planned, which takes a while."""
    if study.size >= LARGE:
        print(f"{study.name}: planning {study.size:,} trials", file=sys.stderr)


def _finished(
    planned: "Plan", store: "Store", address: str, cores: int, *, quiet: bool
) -> "Closing":
    """Train what a plan lacks, and close the run, with progress on stderr."""
    from study.plan.plan import make_plan
    from study.search.proposals import write_journals

    report = Beside("analysis.report.closing")
    if not planned.packs or planned.used_up:
        write_journals(planned.spec, store)
        stopped: Stopped = "budget" if planned.packs else ""
        return _closing(store, make_plan(planned.spec, store), 0, stopped, report)
    with Display(planned.spec.name, quiet=quiet) as display:
        outcome = _trained(planned, store, address, cores, report, display)
        display.stage("writing the report")
        write_journals(planned.spec, store)
        return _closing(store, outcome.stored, outcome.failed, outcome.stopped, report)


def _trained(
    planned: "Plan", store: "Store", address: str, cores: int, report: Beside, display: Display
) -> "Outcome":
    """Train what a plan lacks; the closing begins before Ray ends."""
    from study.kernel import library

    if library.path() is None:
        display.stage("no compiled kernel here: training with torch's")
    display.stage("starting Ray")
    from study.driver.launch import run_study

    def show(progress: StudyProgress) -> None:
        report.start()  # packs are in training, so this machine has time to load its modules
        display.show(progress)

    def ended(stored: "Plan") -> None:
        report.ask(_question(store, stored))

    return run_study(planned, store, address, show, display.say, cores, ended, display.stopping)


def _question(store: "Store", plan: "Plan") -> dict[str, Any]:
    """The arguments of `close_run` for a plan with what the store holds at the end."""
    path = f"{'.' if '://' in store.url else store.url}/report.html"
    done = {trial.trial_id for trial in plan.trials} - plan.missing
    return {"store": store.url, "output": path, "done": sorted(done)}


def _closing(
    store: "Store", plan: "Plan", failed: int, stopped: "Stopped", report: Beside
) -> "Closing":
    """What a run ends with, from the process beside it; without its answer it is made here."""
    from study.plan.command_answers import Closing

    answer = report.answer()
    if answer is None:
        # Here and for colors study imports analysis; above it names a module of analysis.
        from analysis.report.closing import close_run

        answer = close_run(**_question(store, plan))
    return Closing(store_url=store.url, plan=plan, failed=failed, stopped=stopped, **answer)


app.command("list", rich_help_panel=TRAIN)(file_commands.list_studies)


@app.command(rich_help_panel=TRAIN)
def status(store: StoreArgument, as_json: JsonOption = False) -> bytes:
    """Trials planned, done, failed and running; packs; rate; time left."""
    from study.plan.command_answers import status_lines
    from study.plan.status import study_status
    from study.store.manifest import stored_spec
    from study.store.store import Store

    opened = Store.open(store)
    _announce(stored_spec(opened))
    answer = study_status(opened)
    return json_answer(answer) if as_json else text_answer(*status_lines(answer))


@app.command(rich_help_panel=CLUSTER)
def submit(
    spec: SpecArgument,
    sets: SetOption = None,
    out: OutOption = "runs",
    cluster: ClusterOption = None,
    address: JobsOption = None,
    as_json: JsonOption = False,
) -> bytes:
    """Start a study on a cluster, where it goes on without this machine; prints its job."""
    from study.errors import UsageError
    from study.plan.command_answers import Submitted
    from study.spec.file import load_spec
    from study.store.address import inside

    study = load_spec(spec, tuple(sets or ()))
    store = inside(out, study.name)
    if "://" not in out:
        if cluster is not None:
            raise UsageError(
                f"--out {out}: a folder; the nodes of a cluster share none. "
                "Use --out s3://BUCKET/runs."
            )
        store = str(Path(store).absolute())
        out = str(Path(store).parent)  # a job runs in a folder of its own
    from study.driver import jobs

    with jobs.reach(cluster, address, note) as api:
        job = jobs.submit_study(study, out, api, note)
    submitted = Submitted(job, study.name, store, cluster, address)
    return json_answer(submitted.to_json()) if as_json else text_answer(*submitted.lines())


@app.command(rich_help_panel=CLUSTER)
def logs(
    job: JobArgument, cluster: ClusterOption = None, address: JobsOption = None
) -> tuple[bytes, int]:
    """The log of a job, until the job ends; Ctrl-C here does not stop the job."""
    from study.driver import jobs

    with jobs.reach(cluster, address, note) as api:
        end = jobs.follow_job(job, api, lambda piece: print(piece, end="", flush=True), note)
    note(f"{job}: {end.words}")
    return b"", 1 if end.status == "FAILED" else 0


@app.command(rich_help_panel=CLUSTER)
def stop(
    job: JobArgument,
    cluster: ClusterOption = None,
    address: JobsOption = None,
    as_json: JsonOption = False,
) -> bytes:
    """End a job in good order; the same submit goes on from there."""
    from study.driver import jobs

    with jobs.reach(cluster, address, note) as api:
        ended = jobs.stop_job(job, api, note)
    if as_json:
        return json_answer({"job": job, "ended": ended})
    return text_answer(f"{job}: {ended.lower()}; the same study submit goes on from its store.")


@app.command("compact", rich_help_panel=CARE)
def compact_command(store: StoreArgument, as_json: JsonOption = False) -> bytes:
    """Rewrite a store in a few large files: queries of a large study become fast."""
    from study.plan.compact import compact
    from study.store.store import Store

    counts = compact(Store.open(store))
    if as_json:
        return json_answer(counts)
    return text_answer("{trials} trials: {files_before} files, now {files}".format(**counts))


@app.command("bench", rich_help_panel=CARE)
def bench_command(
    device: Annotated[str, typer.Option(help="cpu, or cuda for the GPU.")] = "cpu",
    shapes: Annotated[str, typer.Option(help="Letters of the shapes to measure.")] = "ABC",
    repeats: Annotated[int, typer.Option(min=5, help="Times that a median is over.")] = 5,
    study: Annotated[
        bool, typer.Option("--study", help="Also a study of 20,000 trials; some minutes.")
    ] = False,
    as_json: JsonOption = False,
) -> bytes:
    """The speed of this machine against the plain loop and the floor."""
    from study.bench.suite import bench, engine_on
    from study.bench.targets import pick_shapes

    chosen, engine = pick_shapes(shapes), engine_on(device)
    report = bench(
        engine, chosen, repeats, note=lambda what: print(f"measuring {what}", file=sys.stderr)
    )
    if study:
        with Display("bench") as display:
            display.stage("starting Ray")
            from study.bench.whole_study import bench_study, study_verdicts

            whole = bench_study(display.show)
        report = report.with_study(whole, study_verdicts(whole))
    return json_answer(report.to_json()) if as_json else text_answer(*report.lines())


def main() -> NoReturn:
    """The `study` command."""
    use_one_allocator()
    main_of(app)
