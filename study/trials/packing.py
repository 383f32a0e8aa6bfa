"""Which trials are trained together, and how much memory that takes.

A pack holds trials of one setting and one shape. A pack is large, so that many trials share the
Python work of an epoch. A pack fits a stated memory. There are enough packs that no worker waits
long for the last pack.
"""

import itertools
from collections.abc import Iterable

from study.kernel.library import GROUP, fused_trains
from study.trials.pack import Pack
from study.trials.pack_room import fused_on_gpu, room_for_packs, trains_on_gpu
from study.trials.trial import PackShape, Trial
from study.vocabulary.nets import NETS

# How many packs the trials of one setting and shape make, where there are enough trials for packs
# that are not small.
PACKS = 64
# Activations of one product of the torch kernel's readings on a GPU, of each network. Every product
# is a launch, so there are few; but all rows at once would take more memory than the rest.
GPU_ACTIVATIONS = 1 << 21


def group(trials: Iterable[Trial]) -> list[Pack]:
    """Sort trials into packs of one setting and shape, the most expensive pack first."""
    groups: dict[tuple[str, PackShape], list[Trial]] = {}
    # The same lists by the identity of setting and point: a shape is hashed once for each point.
    of_point: dict[tuple[int, int], list[Trial]] = {}
    for trial in trials:
        point = (id(trial.setting), id(trial.point))
        if point not in of_point:
            of_point[point] = groups.setdefault((trial.setting.label, trial.shape), [])
        of_point[point].append(trial)
    packs = []
    for members in groups.values():
        # Equal shares instead of full packs and a remainder: no pack is much slower than the rest.
        count = _count(members)
        ends = [len(members) * i // count for i in range(count + 1)]
        packs += [Pack(tuple(members[a:b])) for a, b in itertools.pairwise(ends)]
    return sorted(packs, key=_cost, reverse=True)


def trial_bytes(trial: Trial) -> int:
    """Memory that one member adds to a pack at the pack's peak, the writing of a checkpoint.

    The formulas are fitted to measured peaks; `study bench` measures the peaks again.
    """
    setting = trial.setting
    number = 8 if setting.train.dtype == "float64" else 4  # bytes
    past = 0 if setting.readings.keep_per_decade == "all" else setting.detect.hold
    if NETS[setting.net].engine == "module":
        return _module_bytes(trial, number, past)
    if trains_on_gpu(setting.resources):
        return _gpu_bytes(trial, number, past)
    width, bits = trial.point.whole("width"), trial.point.bits
    rows = trial.train_size + trial.test_size
    if not fused_trains(setting.train.optimizer):
        weights = width * (bits + 2)
        activations = 64 * width
        return number * (4 * rows * (bits + 1) + (20 + 5 * past) * weights + 24 * activations)
    weights = -(-width // GROUP) * GROUP * (bits + 2)
    # A row takes one byte for every four signs, one byte for its label and four for its rank in the
    # order in which glances visit rows. Weights are held in 2 + `past` states: those before and
    # after a step, and those of past epochs. The factors 3 / 2 and 7 / 2 are fitted; they cover the
    # copies that the writing of a checkpoint makes.
    return rows * (-(-bits // 4) + 5) * 3 // 2 + number * 7 * (2 + past) * weights // 2


def _gpu_bytes(trial: Trial, number: int, past: int) -> int:
    """`trial_bytes` of a ReLU net on a GPU: counted from what is allocated, not measured on a GPU.

    Args:
        trial: on a GPU.
        number: bytes of a number.
        past: states of past epochs.
    """
    train, width, bits = trial.setting.train, trial.point.whole("width"), trial.point.bits
    rows, batch = trial.train_size + trial.test_size, trial.batch_rows
    weights = width * (bits + 2)
    if fused_on_gpu(train.optimizer, train.dtype):
        # Words and labels of the rows, and their order with the copies that sorting takes. Weights
        # are in tiles, in 3 + `past` states; batches above 32 rows keep gradients and bits.
        tiled = cuda_weights(width, bits)
        more = tiled + -(-width // 16) * 32 * -(-batch // 32) if batch > 32 else 0
        return (
            rows * (4 * (bits // 32 + 1) + 1)
            + 40 * trial.train_size
            + 4 * ((3 + past) * tiled + more)
        )
    # Besides rows and weights: two arrays of activations of a reading, and seven of a step.
    activations = 2 * max(GPU_ACTIVATIONS, width) + 7 * batch * width
    slots = 3 if train.optimizer == "adamw" else 1
    states = (5 + past) * slots * weights
    return number * (2 * rows * (bits + 1) + states + activations) + 40 * trial.train_size


def cuda_weights(width: int, bits: int) -> int:
    """Numbers that the weights of a network take in the fused kernel of a GPU: tiles of 16 x 16."""
    return -(-width // 16) * 16 * (16 * -(-(bits + 1) // 16) + 1)


def _module_bytes(trial: Trial, number: int, past: int) -> int:
    """`trial_bytes` of a module, for numbers of so many bytes and so many states of past epochs."""
    point, net = trial.point, NETS[trial.setting.net]
    rows = trial.train_size + trial.test_size
    weights = net.weights(point.values())
    # A row's activations are some ten times those of the residual stream, forward and back.
    activations = (
        20 * point.whole("width") * net.positions * trial.batch_rows * int(point.layers or 1)
    )
    return 32 * rows + number * ((12 + 4 * past) * weights + activations)


def most_together(trial: Trial) -> int:
    """How many trials of a shape the largest pack holds, where `trials_per_pack` is "auto"."""
    room = room_for_packs(trial.setting.resources)
    return max(1, min(room.members, room.bytes // trial_bytes(trial)))


def _count(members: list[Trial]) -> int:
    """How many packs the trials of one setting and shape make."""
    first = members[0]
    asked = first.setting.resources.trials_per_pack
    if isinstance(asked, int):
        return -(-len(members) // asked)
    room = room_for_packs(first.setting.resources)
    small = max(1, min(room.small_members, room.small_bytes // _small_bytes(first)))
    fewest = -(-len(members) // most_together(first))
    return max(fewest, min(PACKS, -(-len(members) // small)))


def _small_bytes(trial: Trial) -> int:
    """What a member takes of the `small_bytes` of a `PackRoom`."""
    setting, point = trial.setting, trial.point
    if NETS[setting.net].engine != "module" and trains_on_gpu(setting.resources):
        return 4 * cuda_weights(point.whole("width"), point.bits)
    return trial_bytes(trial)


def _cost(pack: Pack) -> float:
    """Multiply-adds of a pack's whole budget, about."""
    first = pack.trials[0]  # rows and multiply-adds of a row are those of the shape
    epochs = sum(trial.budget_epochs for trial in pack.trials)
    return epochs * first.train_size * multiply_adds(first)


def multiply_adds(trial: Trial) -> int:
    """Multiply-adds of one row going forward through the net of a trial, about."""
    net = NETS[trial.setting.net]
    return net.positions * net.weights(trial.point.values())
