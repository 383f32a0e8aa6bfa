"""What packs ask of Ray: whether a node has so much, and how many more packs would fit now.

A pack that no machine can ever train is refused before the start. Later, a pack that does not fit
waits, and `waiting_text` says what for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import ray
from ray.tune import PlacementGroupFactory

from study.errors import UsageError
from study.store.store import Store
from study.trials.pack import Pack

REQUEST = "request"  # the key of a Tune trial's config for what its pack asks of Ray


class RayNode(TypedDict):
    """A node of a cluster: of what `ray.nodes` says, what is used here."""

    Alive: bool
    Resources: Mapping[str, float]


def cluster_nodes() -> Sequence[RayNode]:
    """The nodes of the cluster that this process is connected to."""
    nodes: Sequence[RayNode] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray does not annotate it
    return nodes


def refuse_scattered_rows(store: Store, nodes: Sequence[RayNode]) -> None:
    """Raise UsageError where several machines would each write a folder of their own."""
    alive = sum(node["Alive"] for node in nodes)
    if alive > 1 and "://" not in store.url:
        raise UsageError(
            f"--out: {store.url} is a folder, on a cluster of {alive} nodes; each would write its "
            "own. Use a store that all of them reach: --out s3://BUCKET/runs."
        )


def most_gpus(nodes: Sequence[RayNode]) -> float:
    """The number of GPUs of the node that has most."""
    return max((node["Resources"].get("GPU", 0.0) for node in nodes), default=0.0)


def asked_in_config(config: Mapping[str, Any]) -> PlacementGroupFactory:
    """What a Tune trial asks of Ray: its config says so."""
    return PlacementGroupFactory([config[REQUEST]])


@dataclass(frozen=True, slots=True)
class PackResources:
    """What packs ask of the Ray at `address`, whose node with most GPUs has `gpus` at the start.

    A pack for `device = "auto"` asks for a share of a GPU if a node has one. A cluster that is
    scaled to zero has none yet: a pack for `device = "cuda"` asks there all the same, and waits for
    the autoscaler.
    """

    gpus: float
    address: str

    def of(self, pack: Pack) -> dict[str, float]:
        """What one pack asks for, by resource: cores, and a share of a GPU."""
        asked = pack.setting.resources
        will_come = asked.device == "cuda" and self.address != "local"
        share = asked.gpu if will_come else min(asked.gpu, self.gpus)
        share = 0.0 if asked.device == "cpu" else share
        return {"CPU": asked.cpu, "GPU": share}

    def largest(self, packs: Iterable[Pack]) -> dict[str, float]:
        """The most that any of the packs asks for, by resource."""
        largest: dict[str, float] = {}
        for pack in packs:
            for name, amount in self.of(pack).items():
                largest[name] = max(amount, largest.get(name, 0.0))
        return largest


def idle_slots(request: Mapping[str, float]) -> int:
    """How many more packs with this request could train now, beside those in training."""
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]  # Ray does not annotate it
    fits = [free.get(name, 0.0) / amount for name, amount in request.items() if amount]
    return int(min(fits, default=0.0))


def waiting_text(request: Mapping[str, float], nodes: Sequence[RayNode]) -> str:
    """A line for the user: what packs wait for, and which nodes there are.

    Args:
        request: what one of the packs asks for, by resource.
        nodes: of the cluster.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    fits = any(
        all(resources.get(name, 0) >= amount for name, amount in request.items())
        for resources in alive
    )
    what = "a worker to start, or for room beside other work" if fits else "a node with room for it"
    kinds = Counter(_resources_text(resources) for resources in alive)
    listed = ", ".join(f"{count} of {kind}" for kind, count in kinds.items()) or "none"
    asks = _resources_text(request)
    return f"no pack is running: waiting for {what}. One asks for {asks}; nodes: {listed}"


def _resources_text(resources: Mapping[str, float]) -> str:
    cores, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    words = f"{cores:g} {'core' if cores == 1 else 'cores'}"
    return f"{words} and {gpus:g} {'GPU' if gpus == 1 else 'GPUs'}" if gpus else words
