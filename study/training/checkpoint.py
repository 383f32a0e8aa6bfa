"""The layout of a checkpoint: named arrays of named parts in one file, packed, unpacked and cut.

A part belongs to one class: the pack's run, the follower, the watch, the log, or the engine. Each
class declares by `ArraySpec` which axis of its arrays is the members'. `cut` needs nothing else, so
it holds for every class and every engine.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.detect.follower import Follower
from study.detect.log import ReadingLog
from study.detect.watch import Watch
from study.engine.protocol import Along, Arrays, ArraySpec, ArraySpecs, Indices

# The declarations of every part but the engine's. Its parts are `state`, and `past0` and so on: the
# states of the epochs before, which the follower keeps.
_PARTS: Mapping[str, ArraySpecs] = {
    "run": {"seconds": ArraySpec(Along.PACK), "budgets": ArraySpec(Along.OPEN)},
    "follower": Follower.ARRAYS,
    "watch": Watch.array_specs(),
    "log": ReadingLog.ARRAYS,
}


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
    """The arrays of a checkpoint by part and name: the inverse of `packed`."""
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as flat:
        for key in flat.files:
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = flat[key]
    return parts


def open_members(parts: Mapping[str, Arrays]) -> Indices:
    """The open members [T] of a checkpoint, as indices into the pack as it began."""
    return parts["follower"]["numbers"]


def cut(
    parts: Mapping[str, Arrays], chosen: Indices, engine: ArraySpecs
) -> dict[str, dict[str, NDArray[Any]]]:
    """The checkpoint of some open members, as if they had begun as a pack of their own.

    Args:
        parts: the arrays of the whole pack's checkpoint, by part and name.
        chosen: the members to take, as rising indices into the open members.
        engine: the specs of the arrays that the pack's engine dumps.
    Raises: KeyError for an array that no class declares.
    """
    members = open_members(parts)[chosen]
    of_members = np.isin(parts["log"]["kept_members"], members)
    stay = {
        Along.OPEN: chosen,
        Along.PACK: members,
        Along.READINGS: np.flatnonzero(of_members),
    }

    def taken(array: NDArray[Any], spec: ArraySpec) -> NDArray[Any]:
        left = array if spec.along is None else np.take(array, stay[spec.along], spec.axis)
        return np.searchsorted(members, left) if spec.indexes_pack else left

    return {
        part: {name: taken(array, _PARTS.get(part, engine)[name]) for name, array in arrays.items()}
        for part, arrays in parts.items()
    }
