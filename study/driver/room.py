"""Whether there is room for a pack: refused where that can be known, else said while it waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from study.errors import UsageError
from study.plan.plan import Plan


def refuse_what_has_no_place(plan: Plan, cores: int) -> None:
    """Raise UsageError where a pack asks for more than a Ray of so many cores here will have."""
    asked = [pack.setting.resources for pack in plan.packs]
    most = max((resources.cpu for resources in asked), default=0)
    if most > cores:
        raise UsageError(
            f"resources.cpu: {most:g}; a pack runs on one machine, and this one has {cores} "
            f"{'core' if cores == 1 else 'cores'}. Lower it, or use --address of a larger cluster."
        )
    if not any(resources.device == "cuda" for resources in asked):
        return
    import torch  # noqa: PLC0415  seconds, and only where it is asked

    if not torch.cuda.is_available():
        raise UsageError(
            "resources.device: cuda; this machine has no CUDA device that torch can use. "
            "Use auto or cpu, or --address of a cluster that has GPUs."
        )


def most_gpus(nodes: Sequence[Mapping[str, Any]]) -> float:
    """How many GPUs the node has that has most."""
    return max((node["Resources"].get("GPU", 0.0) for node in nodes), default=0.0)


def place_text(asked: Mapping[str, float], nodes: Sequence[Mapping[str, Any]]) -> str:
    """For what packs wait that ask for these resources, and what nodes there are."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    fits = any(all(there.get(k, 0) >= v for k, v in asked.items()) for there in alive)
    what = "a worker to start, or for room beside other work" if fits else "a node with room for it"
    kinds = Counter(_resources_text(there) for there in alive)
    here = ", ".join(f"{count} of {kind}" for kind, count in kinds.items()) or "none"
    asks = _resources_text(asked)
    return f"no pack is running: waiting for {what}. One asks for {asks}; nodes: {here}"


def _resources_text(resources: Mapping[str, float]) -> str:
    cores, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    words = f"{cores:g} {'core' if cores == 1 else 'cores'}"
    return f"{words} and {gpus:g} {'GPU' if gpus == 1 else 'GPUs'}" if gpus else words
