"""What a plan would cost on a cluster of Ray's: node-hours and, where prices are given, money.

Estimates, no promises: as `costs` does, every trial runs to its budget; and a pack takes as long as
on one of this machine's cores, on whatever device, because no rate was measured on a GPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it ships no types

from study.errors import UsageError
from study.plan import costs
from study.trials.pack import Pack


@dataclass(frozen=True, slots=True)
class Kind:
    """A node type: what it is called in prices, and how many packs it trains at once."""

    instance: str
    at_once: int


def cluster_cost(packs: Sequence[Pack], path: str, prices: Mapping[str, float]) -> dict[str, Any]:
    """Nodes, node_hours and wall_hours of some packs on a cluster; money where prices are given.

    `prices` are of an hour, by instance type. Of several worker types the one with the fewest packs
    at once counts, and the dearest. Raises UsageError where the file is no cluster, or prices lack
    one of its types or name another.
    """
    config = _read(path)
    head, workers = _kinds(config, packs, path)
    seconds = sorted((costs.core_seconds([pack]) for pack in packs), reverse=True)
    at_once = min(kind.at_once for kind in workers)
    nodes = min(int(config["max_workers"]), -(-len(packs) // at_once))
    node_hours = sum(seconds) / at_once / 3600
    longest = seconds[0] / 3600 if seconds else 0.0
    wall_hours = max(longest, node_hours / nodes) if nodes else 0.0
    found = {
        "nodes": nodes,
        "packs_at_once": nodes * at_once,
        "node_hours": round(node_hours, 3),
        "wall_hours": round(wall_hours, 3),
        "longest_pack_hours": round(longest, 3),
    }
    if not prices:
        return found
    _refuse_other_names(prices, {head, *(kind.instance for kind in workers)})
    dearest = max(prices[kind.instance] for kind in workers)
    return {**found, "money": round(node_hours * dearest + wall_hours * prices[head], 2)}


def read_prices(written: Sequence[str]) -> dict[str, float]:
    """Prices of an hour from TYPE=PRICE; raises UsageError for what is none."""
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


def lines_of(cost: Mapping[str, Any] | None) -> list[str]:
    """The estimate to read."""
    if cost is None:
        return []
    money = (
        f", {cost['money']:,.2f} at these prices, the head's included" if "money" in cost else ""
    )
    where = f"{cost['nodes']} nodes, {cost['packs_at_once']} packs at once"
    hours = f"{cost['node_hours']:,.2f} node-hours", f"{cost['wall_hours']:,.2f} h"
    return [f"cluster: about {hours[0]} on {where}, {hours[1]}{money}"]


def _read(path: str) -> dict[str, Any]:
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


def _kinds(config: Mapping[str, Any], packs: Sequence[Pack], path: str) -> tuple[str, list[Kind]]:
    """The head's instance type, and the workers' kinds that can train every pack."""
    types, head = config.get("available_node_types"), config.get("head_node_type")
    if not isinstance(types, dict) or head not in types:
        raise _not_a_cluster(path, "no available_node_types with a head among them")
    workers = []
    for name, kind in types.items():
        if name == head or kind.get("max_workers", 1) == 0:
            continue
        there = kind.get("resources", {})
        room = min((_room(pack, there) for pack in packs), default=1)
        if room:
            workers.append(Kind(_instance(kind, name), room))
    if not workers:
        raise UsageError(
            f"--cluster {path}: no worker type has room for a pack; it asks for [resources] cpu "
            "and, on GPUs, gpu. Lower them, or use larger nodes."
        )
    return _instance(types[head], str(head)), workers


def _room(pack: Pack, there: Mapping[str, float]) -> int:
    """How many packs a node with these resources trains at once."""
    asked = pack.setting.resources
    room = there.get("CPU", 0) / asked.cpu
    gpus = there.get("GPU", 0)
    if asked.device == "cuda" or (asked.device == "auto" and gpus):
        room = min(room, gpus / asked.gpu if asked.gpu else room)
    return int(room)


def _instance(kind: Mapping[str, Any], name: str) -> str:
    return str(kind.get("node_config", {}).get("InstanceType", name))


def _refuse_other_names(prices: Mapping[str, float], known: set[str]) -> None:
    if set(prices) != known:
        raise UsageError(
            f"--price: {', '.join(sorted(prices))}; money needs the price of each type of the "
            f"cluster. They are {', '.join(sorted(known))}."
        )


def _not_a_cluster(path: str, lacking: str) -> UsageError:
    return UsageError(
        f"--cluster {path}: {lacking}; a cluster is a yaml file of Ray's with node types. "
        "Use cluster.yaml of this project, edited."
    )
