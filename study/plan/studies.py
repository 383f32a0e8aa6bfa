"""The studies below one folder or URL: how many of their trials are stored, and the last change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from study.errors import StoreError, StudyError
from study.plan.plan import make_plan
from study.store.address import Address, inside
from study.store.files import Files
from study.store.manifest import read_manifest, stored_spec
from study.store.store import Store


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """One line of `study list`.

    Attributes:
        study: its name.
        store: the address of its store.
        planned: how many trials it has or will have.
        done: how many of these are stored.
        others: how many stored trials are not of the study, or were watched for less than its
            budget.
        changed: when the store changed last: a start of a command, or a record of a pack.
    """

    study: str
    store: str
    planned: int
    done: int
    others: int
    changed: datetime

    @classmethod
    def of(cls, store: Store) -> "ListedStudy":
        """Count one study by its store; raises StoreError for a damaged store."""
        plan = make_plan(stored_spec(store), store)
        stamps = [stamp / 1e9 for _, stamp in store.packs.stamps().values()]
        started = datetime.fromisoformat(read_manifest(store).latest.started)
        changed = max([started.timestamp(), *stamps])
        moment = datetime.fromtimestamp(changed, UTC).replace(microsecond=0)
        counts = plan.planned, plan.done, plan.others
        return cls(plan.spec.name, store.url, *counts, moment)

    def to_json(self) -> dict[str, object]:
        """The line for programs."""
        counts = {"planned": self.planned, "done": self.done, "others": self.others}
        changed = self.changed.isoformat()
        return {"study": self.study, "store": self.store, **counts, "changed": changed}


def studies_in(folder: str, warn: Callable[[str], None]) -> list[ListedStudy]:
    """The studies whose stores lie in a folder, the latest change first.

    Args:
        folder: a path or a URL; of a store itself, that store is listed.
        warn: is told of stores that cannot be read, a sentence each.

    Raises: StoreError where there is no study.
    """
    listed = []
    for store in stores_in(folder):
        try:
            listed.append(ListedStudy.of(store))
        except StudyError as error:
            warn(str(error))
    if not listed:
        raise _no_study(folder)
    return sorted(listed, key=lambda line: line.changed, reverse=True)


def stores_in(folder: str) -> list[Store]:
    """The stores that lie in a folder; of a store itself, that store first.

    Args:
        folder: a path or a URL.

    Raises: StoreError where there is none.
    """
    names = Files(Address.of(folder), 0.0, None).folders()
    urls = [folder, *(inside(folder, name) for name in names)]
    stores = [store for store in map(Store, urls) if store.exists()]
    if not stores:
        raise _no_study(folder)
    return stores


def _no_study(folder: str) -> StoreError:
    return StoreError(
        f"{Address.of(folder).shown}: no study here; the stores of studies lie in one folder. "
        "Check the path, or make one with `study run`."
    )


def study_lines(studies: list[ListedStudy]) -> list[str]:
    """The answer of `study list` to read: a table, its times of this machine's clock."""
    rows = [("study", "trials", "", "last change", "store")]
    for line in studies:
        to_go = line.planned - line.done
        rows.append(
            (
                line.study,
                f"{line.done:,}/{line.planned:,}",
                (f"{to_go:,} to go" if to_go else "done")
                + (f", {line.others:,} others" if line.others else ""),
                f"{line.changed.astimezone():%Y-%m-%d %H:%M}",
                line.store,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
