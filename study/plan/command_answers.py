"""What the commands of `study` answer: data for programs, lines for people.

An answer is a record that is made from a plan, a store or counts. Nothing here prints.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from study.machine import usable_cores
from study.plan import cluster_costs, costs
from study.plan.plan import Plan, unread_note
from study.plan.status import StudyStatus
from study.terminal.durations import duration_in_words
from study.terminal.usage import as_typed
from study.trials.pack_room import trains_on_gpu
from study.trials.trial import PackShape
from study.vocabulary.axes import ONLINE

# What ended a run before its study was done; "" where the study is done.
Stopped = Literal["", "interrupted", "budget"]


@dataclass(slots=True)
class ShapeCount:
    """How many trials and packs of one setting and one shape a plan has to train.

    Attributes:
        setting: the label of the setting.
        shape: the values that the trials of a pack share.
        trials: how many trials are still to train, or are in a pack that goes on.
        packs: how many packs hold these trials.
    """

    setting: str
    shape: PackShape
    trials: int = 0
    packs: int = 0

    def to_json(self) -> dict[str, object]:
        """The setting's label, the axes of the shape, and the two counts."""
        counts = {"trials": self.trials, "packs": self.packs}
        return {"setting": self.setting, **self.shape.by_axis(), **counts}

    def line(self) -> str:
        """The same as a line; axes that the task or the net does not have are left out."""
        label = f"{self.setting}: " if self.setting else ""
        axes = self.shape.by_axis()
        axes["train_size"] = axes["train_size"] or ONLINE
        named = " ".join(f"{name}={value}" for name, value in axes.items() if value)
        return f"  {label}{named}: {self.trials:,} trials in {self.packs:,} packs"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would run, how long it would take and how much memory: the answer of `study plan`.

    Attributes:
        plan: of the study.
        shapes: trials and packs to train, by setting and shape.
        core_seconds: on one core of this machine, if every trial runs to its budget.
        pack_bytes: memory of the largest pack.
        measure_shares: the time that each progress measure adds to a reading, as a share of the
            reading's own time.
        warnings: what will not work as the study asks, a sentence each.
        cluster: an estimate of `cluster_costs`, None if no cluster was named.
    """

    plan: Plan
    shapes: Sequence[ShapeCount]
    core_seconds: float
    pack_bytes: int
    measure_shares: Mapping[str, float]
    warnings: Sequence[str]
    cluster: cluster_costs.ClusterCost | None

    @classmethod
    def of(cls, plan: Plan, cluster: str | None, prices: Sequence[str]) -> "Forecast":
        """Estimate a plan.

        Args:
            plan: what is to be trained.
            cluster: path of a cluster's yaml file, or None.
            prices: of an hour of a node type, written TYPE=PRICE.

        Raises: UsageError for a file that is no cluster, and for prices that do not fit it.
        """
        shares = costs.measure_shares(plan.packs)
        warnings = costs.warnings(plan.trials, plan.packs)
        read = cluster_costs.read_prices(prices)
        estimate = cluster_costs.cluster_cost(plan.packs, cluster, read) if cluster else None
        seconds, memory = costs.core_seconds(plan.packs), costs.pack_bytes(plan.packs)
        return cls(plan, _shape_counts(plan), seconds, memory, shares, warnings, estimate)

    def to_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "study": self.plan.spec.name,
            "planned": self.plan.planned,
            "done": self.plan.done,
            "packs": len(self.plan.packs),
            "core_seconds": round(self.core_seconds, 1),
            "pack_bytes": self.pack_bytes,
            "measures": {name: round(share, 3) for name, share in self.measure_shares.items()},
            "without_readings": self.plan.without_readings,
            "warnings": self.warnings,
            "shapes": [count.to_json() for count in self.shapes],
            **({"cluster": self.cluster} if self.cluster else {}),
        }

    def lines(self) -> list[str]:
        """The answer to read."""
        plan = self.plan
        to_train = len(plan.trials) - plan.done
        searches = plan.planned > len(plan.trials)
        next_ = " next, what follows depends on it" if searches else ""
        return [
            f"study {plan.spec.name}: {plan.planned:,} trials, {plan.done:,} stored already",
            f"to train{next_}: {to_train:,} trials in {len(plan.packs):,} packs",
            *(count.line() for count in self.shapes),
            *(["measures, estimated for one core:"] if self.measure_shares else []),
            *(
                f"  {name} adds about {float(f'{100 * share:.2g}'):,.0f}% to a reading"
                for name, share in self.measure_shares.items()
            ),
            *self._needs(),
            *cluster_costs.cluster_lines(self.cluster),
            *(f"note: {words}" for words in plan.notes),
            *(f"warning: {warning}" for warning in self.warnings),
        ]

    def _needs(self) -> list[str]:
        """Time and memory as lines; none where nothing is to be trained."""
        if not self.plan.packs:
            return []
        at_once = min(usable_cores(), len(self.plan.packs))
        most = f"{duration_in_words(self.core_seconds)} on one core"
        if at_once > 1:
            most += f", {duration_in_words(self.core_seconds / at_once)} on {at_once} cores here"
        on_gpu = any(trains_on_gpu(pack.setting.resources) for pack in self.plan.packs)
        return [
            f"time: at most {most}; a trial that is decided before its budget ends sooner",
            *(
                ["  a GPU is taken to be as fast as a core: not measured on a GPU"]
                if on_gpu
                else []
            ),
            f"memory: {self.pack_bytes / 1e6:.0f} MB for the largest pack",
        ]


def _shape_counts(plan: Plan) -> list[ShapeCount]:
    counts: dict[tuple[str, PackShape], ShapeCount] = {}
    for pack in plan.packs:
        key = pack.setting.label, pack.trials[0].shape
        count = counts.setdefault(key, ShapeCount(*key))
        count.trials += len(pack.trials)
        count.packs += 1
    return list(counts.values())


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing words of `study run`: counts, the report, what to type next.

    Attributes:
        store_url: the address of the store.
        plan: the study's plan with what the store holds at the end.
        failed: how many trials failed.
        stopped: what ended the run before the study was done.
        report: the path of the report, None if none was written.
        others: how many stored trials are not of this plan, or were watched for less than its
            budget.
        phases: rows for JSON.
        phase_table: the same rows as text.
    """

    store_url: str
    plan: Plan
    failed: int
    stopped: Stopped
    report: str | None
    others: int
    phases: Sequence[Mapping[str, object]]
    phase_table: str

    def to_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "store": self.store_url,
            "planned": self.plan.planned,
            "done": self.plan.done,
            "failed": self.failed,
            "stopped": self.stopped,
            "report": self.report,
            "phases": self.phases,
        }

    def lines(self) -> list[str]:
        """The answer to read; before the first trial there is nothing to count or to ask."""
        store = shlex.quote(self.store_url)
        stored = self.plan.done + self.others
        lines = [self.phase_table, ""] if stored else []
        if self.others:
            lines.append(f"{others_stored(self.others)}.")
        if self.failed:
            lines.append(f"{self.failed:,} trials failed: study status {store} says why.")
        if self.stopped:
            lines.append(self._stopped_line())
        if self.report:
            lines.append(f"report: {self.report}")
        if not stored:
            return lines
        analysis = as_typed("analysis")
        searched = any(s.search.kind == "boundary" for s in self.plan.spec.settings)
        flag = "--boundary" if searched else "--plot"
        return [
            *lines,
            "next:",
            f"  {analysis} phases {store} {flag}",
            f"  {analysis} query {store} --where 'phase == \"grokking\"'",
            f"  {analysis} serve {store} --open",
        ]

    def _stopped_line(self) -> str:
        plan = self.plan
        remedy = "the same command continues"
        if self.stopped == "budget" and plan.used_up:
            remedy = f"budget.trials = {plan.trials_budget} is used up, a larger one continues"
        to_go = plan.planned - plan.done
        return f"stopped: {plan.done:,} of {plan.planned:,} finished, {to_go:,} to go; {remedy}"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that `study submit` has started, and where: on a `cluster`, or at an `address`.

    Attributes:
        job: the id of the job.
        study: the name of the study.
        store: the folder or URL of the study's store.
        cluster: the path of the cluster's yaml file, None for a job at an address.
        address: of the cluster's dashboard, None for a job on a cluster.
    """

    job: str
    study: str
    store: str
    cluster: str | None
    address: str | None

    def to_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {"job": self.job, "study": self.study, "store": self.store}

    def lines(self) -> list[str]:
        """The answer to read: the id of the job alone on its line, then what to type next."""
        option = ["--cluster", self.cluster] if self.cluster else ["--address", str(self.address)]
        where = shlex.join(option)
        return [
            self.job,
            "next:",
            f"  {as_typed('study')} logs {self.job} {where}",
            f"  {as_typed('study')} status {shlex.quote(self.store)}",
            f"  {as_typed('study')} stop {self.job} {where}",
        ]


def others_stored(count: int) -> str:
    """That a store has more trials than its study counts."""
    return f"{count:,} more are stored, of other plans or smaller budgets"


def status_lines(status: StudyStatus) -> list[str]:
    """The answer of `study_status`, to read."""
    lines = [f"study {status['study']}, started {status['started']}"]
    counts = {
        "planned": status["planned"],
        "done": status["done"],
        "failed": status["failed"],
        "running": status["running"],
    }
    lines += [f"  {name:<8}{count:>8,} trials" for name, count in counts.items()]
    if status["others"]:
        lines.append(f"  others  {others_stored(status['others'])}")
    packs = ", ".join(f"{count} {word}" for word, count in status["packs"].items())
    lines.append(f"  packs   {packs or 'none'}")
    if status["begun_again"]:
        halved = f", {status['halved']} halved for memory" if status["halved"] else ""
        lines.append(f"  again   {status['begun_again']} times a pack was begun again{halved}")
    if status["rate"]:
        lines.append(f"  rate    {status['rate']:.2f} trials a second")
    if status["seconds_left"] is not None:
        lines.append(f"  left    {duration_in_words(status['seconds_left'])}")
    if status["without_readings"]:
        lines.append(f"  note: {unread_note(status['without_readings'])}")
    return lines + [f"  pack {pack_id} failed: {e}" for pack_id, e in status["errors"].items()]
