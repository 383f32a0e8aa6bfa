"""`study`: arguments to calls. Of `study`, only this module and `console` print or exit.

stdout is data, everything else goes to stderr; exit 0 ok, 1 error, 2 usage, 3 some trials failed,
130 interrupted. torch and ray load inside the commands that need them.
"""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from study.terminal.console import (
    Display,
    as_text,
    ended_like_ctrl_c,
    main_of,
    note,
    tolerated,
    version_option,
)
from study.terminal.console import as_json as json_of
from study.terminal.durations import duration_in_words

if TYPE_CHECKING:
    from study.plan.plan import Plan
    from study.spec.models import StudySpec
    from study.store.store import Store

LARGE = 100_000  # trials, from which on a plan takes some seconds

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
)

SpecArgument = Annotated[str, typer.Argument(help="A study file, or a bundled name.")]
StoreArgument = Annotated[str, typer.Argument(help="The store of a study: a folder or a URL.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Override a key: axes.width=[100,200]. May repeat.", metavar="KEY=VALUE"
    ),
]
OutOption = Annotated[str, typer.Option(help="Where stores are: the study's is OUT/<name>.")]
ClusterOption = Annotated[
    str | None, typer.Option(help="The yaml file of a cluster that `ray up` started.")
]
JobsOption = Annotated[
    str | None, typer.Option(help="Where a head answers: http://127.0.0.1:8265.", metavar="URL")
]
JobArgument = Annotated[str, typer.Argument(help="The job that `study submit` printed.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.callback()
def options(version: Annotated[bool, version_option("study")] = False) -> None:
    """Train thousands of tiny networks and find out when they grok."""


@app.command()
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
    from study.plan import cluster_costs as money
    from study.plan import costs
    from study.plan.plan import make_plan
    from study.spec.file import load_spec
    from study.store.address import inside
    from study.store.store import Store

    study = load_spec(spec, tuple(sets or ()))
    _announce(study)
    planned = make_plan(study, Store(inside(out, study.name)), ahead=True)
    shapes: dict[str, dict[str, Any]] = {}
    for pack in planned.packs:
        shape = pack.trials[0].shape
        name = f"{pack.setting.label} {shape}".strip()
        row = shapes.setdefault(
            name, {"setting": pack.setting.label, **shape._asdict(), "trials": 0, "packs": 0}
        )
        row["trials"] += len(pack.trials)
        row["packs"] += 1
    shares = costs.measure_shares(planned.packs)
    warnings = costs.warnings(planned.trials, planned.packs)
    prices = money.read_prices(price or ())
    there = money.cluster_cost(planned.packs, cluster, prices) if cluster else None
    if as_json:
        return json_of(
            {
                "study": study.name,
                "planned": planned.planned,
                "done": planned.done,
                "packs": len(planned.packs),
                "core_seconds": round(costs.core_seconds(planned.packs), 1),
                "pack_bytes": costs.pack_bytes(planned.packs),
                "measures": {name: round(share, 3) for name, share in shares.items()},
                "without_readings": planned.without_readings,
                "warnings": warnings,
                "shapes": list(shapes.values()),
                **({"cluster": there} if there else {}),
            }
        )
    to_train = len(planned.trials) - planned.done
    next_ = " next, what follows depends on it" if planned.planned > len(planned.trials) else ""
    lines = [
        f"study {study.name}: {planned.planned} trials, {planned.done} stored already",
        f"to train{next_}: {to_train} trials in {len(planned.packs)} packs",
    ]
    for row in shapes.values():
        label = f"{row['setting']}: " if row["setting"] else ""
        shown = {**row, "train_size": row["train_size"] or "online"}
        named = (n for n in shown if n not in {"setting", "trials", "packs"} and shown[n])
        axes = " ".join(f"{name}={shown[name]}" for name in named)
        lines.append(f"  {label}{axes}: {row['trials']} trials in {row['packs']} packs")
    if shares:
        lines.append("measures, estimated for one core:")
    for name, share in shares.items():
        lines.append(f"  {name} adds about {float(f'{100 * share:.2g}'):,.0f}% to a reading")
    seconds = duration_in_words(costs.core_seconds(planned.packs))
    return as_text(
        *lines,
        f"time: about {seconds} on one core if no trial is decided before its budget",
        f"memory: {costs.pack_bytes(planned.packs) / 1e6:.0f} MB for the largest pack",
        *money.lines_of(there),
        *(f"note: {words}" for words in planned.notes),
        *(f"warning: {warning}" for warning in warnings),
    )


@app.command()
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
    as_json: JsonOption = False,
) -> tuple[bytes, int]:
    """Train what the store lacks, then print the phases and write the report."""
    from study.kernel import library as native
    from study.machine import check_address, cores_for
    from study.plan import costs
    from study.plan.plan import make_plan, start_study
    from study.plan.status import others_at_work
    from study.search.batches import write_journals
    from study.spec.file import load_spec
    from study.store.address import inside
    from study.store.store import Store

    study = load_spec(spec, tuple(sets or ()))
    check_address(address)
    cores = cores_for(cpus, address)
    store = Store(inside(out, study.name))
    if others := others_at_work(store):
        print(f"{study.name}: warning: {others}", file=sys.stderr)
    _announce(study)
    planned = start_study(study, store, ["study", *sys.argv[1:]])
    for words in planned.notes:
        note(f"note: {words}")
    for warning in costs.warnings(planned.trials, planned.packs):
        note(f"warning: {warning}")
    stopped, failed = "budget" if planned.packs and planned.used_up else "", 0
    if planned.packs and not planned.used_up:
        if native.path() is None:
            print("no compiled kernel here: training with torch's", file=sys.stderr)
        with Display(study.name) as display:
            from study.driver.tune import run_study

            outcome = run_study(planned, store, address, display.show, display.say, cores)
        stopped, failed, ended = outcome.stopped, outcome.failed, outcome.stored
    else:
        ended = make_plan(study, store)
    write_journals(study, store)
    answer = _summary(store, ended, failed, stopped, as_json=as_json)
    return answer, 130 if stopped == "interrupted" else 3 if failed else 0


def _announce(study: "StudySpec") -> None:
    """Say what is waited for where a plan takes long."""
    if study.size >= LARGE:
        print(f"{study.name}: planning {study.size:,} trials", file=sys.stderr)


def _summary(store: "Store", plan: "Plan", failed: int, stopped: str, *, as_json: bool) -> bytes:
    """The closing words of a run: phases, the report, what to try next."""
    # The one place where study imports analysis.
    from analysis.formats import as_table, records
    from analysis.phases.classify import summary
    from analysis.report.page import write_report
    from analysis.tables.frames import load_trials

    trials = load_trials(store.url)
    # As many as the progress says and `study status`: of the plan, and watched for its budget.
    wanted = {trial.trial_id for trial in plan.trials} - plan.missing
    counted = trials[trials["trial_id"].isin(wanted)]
    report = None
    if len(trials):
        place = f"{'.' if '://' in store.url else store.url}/report.html"
        with tolerated("no report"):
            write_report(store.url, place)
            report = place
    phases = summary(counted)
    if as_json:
        return json_of(
            {
                "store": store.url,
                "planned": plan.planned,
                "done": plan.done,
                "failed": failed,
                "stopped": stopped,
                "report": report,
                "phases": records(phases),
            }
        )
    typed = shlex.quote(store.url)
    lines = [as_table(phases.assign(share=phases["share"].map("{:.0%}".format))), ""]
    if others := len(trials) - len(counted):
        lines.append(f"{others} more are stored, of other plans or smaller budgets.")
    if failed:
        lines.append(f"{failed} trials failed: study status {typed} says why.")
    if stopped:
        next_ = "the same command continues"
        if stopped == "budget" and plan.used_up:
            next_ = f"budget.trials = {plan.trials_budget} is used up, a larger one continues"
        lines.append(f"stopped: {plan.done} of {plan.planned} finished; {next_}")
    if report:
        lines.append(f"report: {report}")
    sought = any(setting.search.kind == "boundary" for setting in plan.spec.settings)
    return as_text(
        *lines,
        "next:",
        f"  {_typed('analysis')} phases {typed}{' --boundary' * sought}",
        f'  {_typed("analysis")} query {typed} --where "generalized_epoch > 100" --format csv',
        f"  {_typed('study')} status {typed}",
    )


def _typed(program: str) -> str:
    """How to type a command of ours: its name, or its path where no environment is active."""
    if shutil.which(program):
        return program
    return shlex.quote(str(Path(sys.argv[0]).with_name(program)))


@app.command()
def status(store: StoreArgument, as_json: JsonOption = False) -> bytes:
    """Trials planned, done, failed and running; packs; rate; time left."""
    from study.plan.plan import unread_note
    from study.plan.status import study_status
    from study.store.manifest import stored_spec
    from study.store.store import Store

    opened = Store.open(store)
    _announce(stored_spec(opened))
    found = study_status(opened)
    if as_json:
        return json_of(found)
    lines = [f"study {found['study']}, started {found['started']}"]
    counts = ("planned", "done", "failed", "running")
    lines += [f"  {name:<8}{found[name]:>8} trials" for name in counts]
    packs = ", ".join(f"{count} {state}" for state, count in found["packs"].items())
    lines.append(f"  packs   {packs or 'none'}")
    if found["begun_again"]:
        halved = f", {found['halved']} halved for memory" if found["halved"] else ""
        lines.append(f"  again   {found['begun_again']} times a pack was begun again{halved}")
    if found["rate"]:
        lines.append(f"  rate    {found['rate']:.2f} trials a second")
    if found["seconds_left"] is not None:
        lines.append(f"  left    {duration_in_words(found['seconds_left'])}")
    if found["without_readings"]:
        lines.append(f"  note: {unread_note(found['without_readings'])}")
    lines += [f"  pack {pack_id} failed: {error}" for pack_id, error in found["errors"].items()]
    return as_text(*lines)


@app.command()
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

    with jobs.reach(cluster, address, note) as head:
        job = jobs.submit(study, out, head, note)
    if as_json:
        return json_of({"job": job, "study": study.name, "store": store})
    where = shlex.join(["--cluster", cluster] if cluster else ["--address", str(address)])
    return as_text(
        job,
        "next:",
        f"  {_typed('study')} logs {job} {where}",
        f"  {_typed('study')} status {shlex.quote(store)}",
        f"  {_typed('study')} stop {job} {where}",
    )


@app.command()
def logs(
    job: JobArgument, cluster: ClusterOption = None, address: JobsOption = None
) -> tuple[bytes, int]:
    """What a job has said, and says, until it ends; leaving does not stop it."""
    from study.driver import jobs

    with jobs.reach(cluster, address, note) as head:
        end = jobs.follow(job, head, lambda piece: print(piece, end="", flush=True), note)
    note(f"{job}: {end.words}")
    return b"", 1 if end.status == "FAILED" else 0


@app.command()
def stop(
    job: JobArgument,
    cluster: ClusterOption = None,
    address: JobsOption = None,
    as_json: JsonOption = False,
) -> bytes:
    """End a job in good order; the same submit goes on from there."""
    from study.driver import jobs

    with jobs.reach(cluster, address, note) as head:
        ended = jobs.stop(job, head, note)
    if as_json:
        return json_of({"job": job, "ended": ended})
    return as_text(f"{job}: {ended.lower()}; the same study submit goes on from its store.")


@app.command()
def compact(store: StoreArgument, as_json: JsonOption = False) -> bytes:
    """Rewrite a store in a few large files: queries of a large study become fast."""
    from study.plan.compact import compact as rewrite
    from study.store.store import Store

    found = rewrite(Store.open(store))
    if as_json:
        return json_of(found)
    return as_text(f"{found['trials']} trials: {found['files_before']} files, now {found['files']}")


@app.command()
def bench(
    device: Annotated[str, typer.Option(help="cpu, or cuda for the GPU.")] = "cpu",
    shapes: Annotated[str, typer.Option(help="Letters of the shapes to measure.")] = "ABC",
    repeats: Annotated[int, typer.Option(min=5, help="Times that a median is over.")] = 5,
    study: Annotated[
        bool, typer.Option("--study", help="Also a study of 20,000 trials; some minutes.")
    ] = False,
    as_json: JsonOption = False,
) -> bytes:
    """The speed of this machine against the plain loop and the floor."""
    from study.bench.suite import bench as measure
    from study.bench.suite import engine_on
    from study.bench.targets import lines_of, pick_shapes

    chosen, engine = pick_shapes(shapes), engine_on(device)
    report = measure(
        engine, chosen, repeats, note=lambda what: print(f"measuring {what}", file=sys.stderr)
    )
    if study:
        with Display("bench") as display:
            from study.bench.whole_study import bench_study

            whole = bench_study(display.show)
        report |= {"study_of_B": whole["study"], "bars": report["bars"] + whole["bars"]}
    return json_of(report) if as_json else as_text(*lines_of(report))


def main() -> NoReturn:
    """The `study` command."""
    main_of(app)
