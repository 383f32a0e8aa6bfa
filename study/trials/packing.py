"""Which trials are trained together, and how much memory that takes.

A pack holds trials of one setting and one shape. It is large, so that what Python does once an
epoch is shared by many; it fits a stated memory; and there are enough of them that nobody waits
for the last.
"""

import itertools
from collections.abc import Iterable

from study.kernel.library import GROUP, fused_trains
from study.trials.pack import Pack
from study.trials.trial import Shape, Trial
from study.vocabulary.nets import NETS

MAX_PACK = 256
PACK_BYTES = 256 << 20
# Below this size packs are not split further: a member's share of Python's work would grow.
SMALL_PACK = 64
SMALL_PACK_BYTES = 32 << 20
PACKS = 64  # of a setting and shape, where there are trials enough for packs that are not small


def group(trials: Iterable[Trial]) -> list[Pack]:
    """Sort trials into packs of one setting and shape, the most expensive pack first."""
    groups: dict[tuple[str, Shape], list[Trial]] = {}
    same: dict[tuple[int, int], list[Trial]] = {}  # the groups, by setting and point themselves
    for trial in trials:
        itself = (id(trial.setting), id(trial.point))
        if itself not in same:
            same[itself] = groups.setdefault((trial.setting.label, trial.shape), [])
        same[itself].append(trial)
    packs = []
    for members in groups.values():
        # Equal shares rather than full packs and a remainder: no pack is a straggler by design.
        count = _count(members)
        ends = [len(members) * i // count for i in range(count + 1)]
        packs += [Pack(tuple(members[a:b])) for a, b in itertools.pairwise(ends)]
    return sorted(packs, key=_cost, reverse=True)


def trial_bytes(trial: Trial) -> int:
    """Memory that one member adds to a pack at its peak, which is a checkpoint's writing.

    A model whose numbers were fitted to measured peaks; `study bench` measures them again.
    """
    point, setting = trial.point, trial.setting
    item = 8 if setting.train.dtype == "float64" else 4
    rows = trial.train_size + trial.test_size
    net = NETS[setting.net]
    past = 0 if setting.readings.keep_per_decade == "all" else setting.detect.hold
    if net.kind == "module":
        weights = net.weights(point.values())
        # A row's activations are some ten times those of the residual stream, forward and back.
        activations = 20 * point.width * net.positions * trial.batch_rows * (point.layers or 1)
        return 32 * rows + item * ((12 + 4 * past) * weights + activations)
    if not fused_trains(setting.train.optimizer, setting.resources.device):
        weights = point.width * (point.bits + 2)
        activations = 64 * point.width
        return item * (4 * rows * (point.bits + 1) + (20 + 5 * past) * weights + 24 * activations)
    weights = -(-point.width // GROUP) * GROUP * (point.bits + 2)
    # A row is four bits a byte, its label and its place; of the weights there are a state before
    # and after a step and those of the epochs before, and a checkpoint holds each some times more.
    return rows * (-(-point.bits // 4) + 5) * 3 // 2 + item * 7 * (2 + past) * weights // 2


def most_together(trial: Trial) -> int:
    """How many trials of a shape the largest pack holds, on "auto"."""
    return max(1, min(MAX_PACK, PACK_BYTES // trial_bytes(trial)))


def _count(members: list[Trial]) -> int:
    """How many packs trials of one setting and shape make."""
    asked = members[0].setting.resources.trials_per_pack
    if isinstance(asked, int):
        return -(-len(members) // asked)
    small = max(1, min(SMALL_PACK, SMALL_PACK_BYTES // trial_bytes(members[0])))
    fewest = -(-len(members) // most_together(members[0]))
    return max(fewest, min(PACKS, -(-len(members) // small)))


def _cost(pack: Pack) -> float:
    first = pack.trials[0]  # rows and arithmetic are those of the shape
    epochs = sum(trial.budget_epochs for trial in pack.trials)
    return epochs * first.train_size * multiply_adds(first)


def multiply_adds(trial: Trial) -> int:
    """Of one row going forward through the net of a trial, about."""
    net = NETS[trial.setting.net]
    return net.positions * net.weights(trial.point.values())
