"""What a plan would cost on a Ray cluster: node-hours and, where prices are given, money.

These are estimates, no promises. As in `costs`, every trial runs to its budget. A pack takes as
long as on one core of this machine, on whatever device, because no rate was measured on a GPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from study.errors import UsageError
from study.plan import costs
from study.trials.pack import Pack


class ClusterCost(TypedDict):
    """An estimate, as `study plan --json` gives it.

    Attributes:
        nodes: how many worker nodes are used.
        packs_at_once: how many packs train at once on all nodes.
        node_hours: hours of all nodes together, without the head.
        wall_hours: hours from start to end.
        longest_pack_hours: hours of the pack that takes longest; `wall_hours` is at least that.
        money: of the nodes and the head, in the currency of the prices; absent without prices.
    """

    nodes: int
    packs_at_once: int
    node_hours: float
    wall_hours: float
    longest_pack_hours: float
    money: NotRequired[float]


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type of worker node: its instance type, which has a price, and its resources."""

    instance: str
    resources: Mapping[str, float]

    def packs_at_once(self, pack: Pack) -> int:
        """How many packs like this one such a node trains at once."""
        asked = pack.setting.resources
        room = self.resources.get("CPU", 0) / asked.cpu
        gpus = self.resources.get("GPU", 0)
        if asked.device == "cuda" or (asked.device == "auto" and gpus):
            room = min(room, gpus / asked.gpu if asked.gpu else room)
        return int(room)


@dataclass(frozen=True, slots=True)
class Place:
    """Where packs that ask for the same train: the types with room, and the room of the least."""

    workers: Sequence[NodeType]
    at_once: int


def cluster_cost(packs: Sequence[Pack], path: str, prices: Mapping[str, float]) -> ClusterCost:
    """What some packs would cost on a cluster.

    Of several types of workers with room for a pack, the room is that of the type with the least,
    and the price that of the dearest type.

    Args:
        packs: to train.
        path: of the cluster's yaml file.
        prices: of an hour, by instance type; without any, the answer has no money.
    Raises: UsageError where the file is no cluster, where a pack fits no type of its workers, and
        where the prices lack one of the types with room or name a type of no node.
    """
    config = _read(path)
    head, workers = _node_types(config, path)
    places = [_place(pack, workers, path) for pack in packs]
    seconds = [costs.core_seconds([pack]) for pack in packs]
    at_once = min((place.at_once for place in places), default=1)
    nodes = min(int(config["max_workers"]), -(-len(packs) // at_once))
    hours = [s / place.at_once / 3600 for s, place in zip(seconds, places, strict=True)]
    longest, node_hours = max(seconds, default=0.0) / 3600, sum(hours)
    wall_hours = max(longest, node_hours / nodes) if nodes else 0.0
    cost = ClusterCost(
        nodes=nodes,
        packs_at_once=nodes * at_once,
        node_hours=round(node_hours, 3),
        wall_hours=round(wall_hours, 3),
        longest_pack_hours=round(longest, 3),
    )
    if prices:
        used = [{worker.instance for worker in place.workers} for place in places]
        known = {head, *(worker.instance for worker in workers)}
        _refuse_other_names(prices, {head}.union(*used), known)
        money = wall_hours * prices[head]
        for share, names in zip(hours, used, strict=True):
            money += share * max(prices[name] for name in names)
        cost["money"] = round(money, 2)
    return cost


def read_prices(written: Sequence[str]) -> dict[str, float]:
    """Prices of an hour, by instance type, from texts TYPE=PRICE.

    Raises: UsageError for a text that is no price.
    """
    prices = {}
    for text in written:
        name, _, price = text.partition("=")
        try:
            prices[name] = float(price)
        except ValueError:
            prices[name] = -1.0
        if not 0 <= prices[name] < float("inf"):
            raise UsageError(
                f"--price {text}: not a price; that is an instance type and what an hour costs. "
                "Write --price g5.xlarge=0.45."
            )
    return prices


def cluster_lines(cost: ClusterCost | None) -> list[str]:
    """The estimate to read: one line, or none without an estimate."""
    if cost is None:
        return []
    money = (
        f", {cost['money']:,.2f} at these prices, the head's included" if "money" in cost else ""
    )
    where = f"{cost['nodes']} nodes, {cost['packs_at_once']} packs at once"
    hours = f"{cost['node_hours']:,.2f} node-hours", f"{cost['wall_hours']:,.2f} h"
    return [f"cluster: about {hours[0]} on {where}, {hours[1]}{money}"]


def _read(path: str) -> dict[str, Any]:
    """The content of a cluster's yaml file."""
    try:
        config = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"--cluster {path}: {reason}; a cluster is a yaml file of Ray's. "
            "Use cluster.yaml of this project, edited."
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("max_workers"), int):
        raise _not_a_cluster(path, "no max_workers")
    return config


def _node_types(config: Mapping[str, Any], path: str) -> tuple[str, list[NodeType]]:
    """The head's instance type, and the types of workers that a cluster may start."""
    types, head = config.get("available_node_types"), config.get("head_node_type")
    if not isinstance(types, dict) or head not in types:
        raise _not_a_cluster(path, "no available_node_types with a head among them")
    workers = [
        NodeType(_instance(node_type, name), node_type.get("resources", {}))
        for name, node_type in types.items()
        if name != head and node_type.get("max_workers", 1) != 0
    ]
    return _instance(types[head], str(head)), workers


def _place(pack: Pack, workers: Sequence[NodeType], path: str) -> Place:
    """Where a pack trains; UsageError where no type of workers has room for it."""
    fitting = [worker for worker in workers if worker.packs_at_once(pack)]
    if fitting:
        return Place(fitting, min(worker.packs_at_once(pack) for worker in fitting))
    asked, label = pack.setting.resources, pack.setting.label
    gpu = f" and {asked.gpu:g} of a GPU" if asked.device != "cpu" else ""
    whose = f"a pack of {label}" if label else "a pack"
    raise UsageError(
        f"--cluster {path}: no worker type has room for {whose}; it asks for {asked.cpu:g} cores"
        f"{gpu}. Lower [resources] cpu and gpu, or use larger nodes."
    )


def _instance(node_type: Mapping[str, Any], name: str) -> str:
    """The instance type of a node type; its name where the file does not say."""
    return str(node_type.get("node_config", {}).get("InstanceType", name))


def _refuse_other_names(prices: Mapping[str, float], used: set[str], known: set[str]) -> None:
    """Raise UsageError where a price is missing, or is of a type that the cluster does not have.

    Args:
        prices: by instance type.
        used: the types on which something would run.
        known: all types of the cluster.
    """
    if used <= set(prices) <= known:
        return
    raise UsageError(
        f"--price: {', '.join(sorted(prices))}; money needs the price of each type of the "
        f"cluster. They are {', '.join(sorted(known))}."
    )


def _not_a_cluster(path: str, lacking: str) -> UsageError:
    return UsageError(
        f"--cluster {path}: {lacking}; a cluster is a yaml file of Ray's with node types. "
        "Use cluster.yaml of this project, edited."
    )
