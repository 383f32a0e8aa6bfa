"""The layout of a checkpoint: named arrays in one file, and cutting out some of its members."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.engine.protocol import Arrays


def packed(parts: Iterable[tuple[str, Arrays]]) -> bytes:
    """Named arrays of named parts as one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, arrays in parts:
            for name, array in arrays.items():
                with archive.open(f"{part}.{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def unpacked(content: bytes) -> dict[str, dict[str, NDArray[Any]]]:
    """The inverse of `packed`."""
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as flat:
        for key in flat.files:
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = flat[key]
    return parts


def cut(parts: Mapping[str, Arrays], places: NDArray[np.int64]) -> dict[str, Arrays]:
    """The checkpoint of the open members at `places`, as a pack of their own begun with them.

    Args: parts, the arrays of `PackRun.checkpoint` by part and name. Members lead the arrays of a
    state and end those of the watch; the log numbers them as the pack began.
    """
    numbers = parts["follower"]["numbers"][places]
    log = parts["log"]
    kept = np.isin(log["kept_members"], numbers)
    begun = {
        "run": {
            "seconds": parts["run"]["seconds"][numbers],
            "budgets": parts["run"]["budgets"][places],
        },
        "follower": {"numbers": np.arange(len(places))},
        "watch": {name: column[..., places] for name, column in parts["watch"].items()},
        "log": {
            "slots": log["slots"][numbers],
            "kept_epochs": log["kept_epochs"][kept],
            "kept_members": np.searchsorted(numbers, log["kept_members"][kept]),
            "kept_values": log["kept_values"][:, kept],
        },
    }
    states = {
        part: {name: a if name == "epoch" else a[places] for name, a in arrays.items()}
        for part, arrays in parts.items()
        if part not in begun
    }
    return {**begun, **states}
