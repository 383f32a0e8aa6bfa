"""Splits packs that have few open members left, so that idle machines train some of them.

A pack trains on one core or device, however few members it still has. Between two rounds of
training its checkpoint is cut by members into new packs. Each new pack goes on bit for bit.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from study.engine.make import pick_engine
from study.store.packs import PackRecord
from study.store.store import Store
from study.training.checkpoint import cut, open_members, packed, unpacked
from study.trials.pack import Pack
from study.vocabulary.outcomes import PackStatus


def split_packs(store: Store, packs: Sequence[Pack], wanted: int) -> list[Pack]:
    """Split the packs with most open members; returns the packs to go on with.

    A new pack is in the store before the checkpoint of the old one is deleted. Where splitting is
    cut short, some members are trained twice, and none is lost.

    Args:
        store: of the study.
        packs: that are not done.
        wanted: how many packs to go on with, about.
    """
    records = [store.packs.read(pack.pack_id) for pack in packs]
    # A pack that nobody has begun has no checkpoint to cut: it counts as one member.
    opened = [1 if record.open is None else record.open for record in records]
    counts = shares(opened, wanted)
    pieces = [_split(store, p, count) for p, count in zip(packs, counts, strict=True)]
    return list(itertools.chain.from_iterable(pieces))


def shares(opened: Sequence[int], wanted: int) -> list[int]:
    """Into how many pieces each pack is split, so that the pieces are alike in size.

    Args:
        opened: open members of each pack.
        wanted: pieces in all, at least; fewer only where every piece has one member.
    """
    counts = [1] * len(opened)
    while sum(counts) < wanted:
        sizes = [members / count for members, count in zip(opened, counts, strict=True)]
        largest = int(np.argmax(sizes))
        if sizes[largest] <= 1:
            break
        counts[largest] += 1
    return counts


def _split(store: Store, pack: Pack, count: int) -> list[Pack]:
    """Split a pack into `count` pieces, or into one for each open member if those are fewer."""
    saved = store.packs.checkpoint(pack.pack_id) if count > 1 else None
    if saved is None:  # there is nothing to cut
        return [pack]
    parts = unpacked(saved)
    members = open_members(parts)
    specs = pick_engine(pack.trials[0]).ARRAYS
    pieces = []
    for chosen in np.array_split(np.arange(len(members)), min(count, len(members))):
        piece = Pack(tuple(pack.trials[member] for member in members[chosen]))
        record = PackRecord(status=PackStatus.PENDING, members=piece.to_json(), open=len(chosen))
        store.packs.write(piece.pack_id, record)
        store.packs.write_checkpoint(piece.pack_id, packed(cut(parts, chosen, specs).items()))
        pieces.append(piece)
    ids = tuple(piece.pack_id for piece in pieces)
    record = store.packs.read(pack.pack_id)
    ended = record.changed(status=PackStatus.DONE, open=0, split=ids)
    store.packs.write(pack.pack_id, ended)
    store.packs.drop_checkpoint(pack.pack_id)
    return pieces
