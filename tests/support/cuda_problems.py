"""Problems of the fused kernel on a GPU, emulated or real, and how its results are looked at."""

import numpy as np
from oracle import by_autograd
from small import trials_of

from study.training.pack_run import PackRun
from study.trials.pack import Pack

# Numbers of attributes in cuda.h, with the values of an H100: compute capability, shared memory of
# a block, multiprocessors.
MAJOR, MINOR, ROOM, MULTIPROCESSORS = 75, 76, 97, 16
H100 = {MAJOR: 9, MINOR: 0, ROOM: 227 * 1024, MULTIPROCESSORS: 132}
CLOSE = 3e-7  # to float64 after three epochs; a plain loop in float32 is within 1.1e-7
A10G = {**H100, MAJOR: 8, MINOR: 6, ROOM: 99 * 1024}  # no clusters, less shared memory
TRANSITIONS = ("memorized_epoch", "generalized_epoch", "epochs_run", "ended")
RATES = {"learning_rate": [0.1, 0.3], "weight_decay": [0.01, 0.1]}


def trials(*, loss="hinge", seeds=1, test_rows=100, epochs=40, **axes):
    return trials_of(
        {"n": 10, "width": 64, "train_size": 100, **axes},
        seeds=seeds,
        train={"loss": loss},
        data={"test_rows": test_rows},
        budget={"epochs": epochs},
    )


def after(engine, members, epochs=3):
    state = engine.allocate(members)
    for _ in range(epochs):
        state = engine.step(state)
    return state


def distance(engine, members, epochs=3):
    """The largest difference of a weight from float64 autograd; relative if weights exceed 1."""
    arrays = engine.dump(after(engine, members, epochs))
    ours = arrays["incoming"], arrays["outgoing"]
    truths = zip(*(by_autograd(member, epochs) for member in members), strict=True)
    pairs = [(mine, np.stack(truth)) for mine, truth in zip(ours, truths, strict=True)]
    size = max(np.abs(truth).max() for _, truth in pairs)
    return max(np.abs(mine - truth).max() for mine, truth in pairs) / max(1, size)


def fingerprint(engine, state, member=0):
    """Weights and reading of a member, to compare bit for bit."""
    reading, arrays = engine.read(state), engine.dump(state)
    columns = (
        reading.train_correct, reading.test_correct, reading.train_loss, reading.test_loss,
        reading.weight_norm, reading.active, arrays["incoming"], arrays["outgoing"],
    )  # fmt: skip
    return [column[member].tobytes() for column in columns]


def room_for(tiles, column_tiles=1):
    """A GPU whose blocks have shared memory for so many tiles of a network, and no more."""
    operands = 3072 * column_tiles if column_tiles > 4 else 0
    return {**H100, ROOM: 1300 + operands + tiles * (1024 * column_tiles + 192)}


# A network of two warps; and one that two blocks of two warps share, with operands in shared
# memory, in batches of 70.
SMALL = (H100, {"width": 80})
LARGE = ({**H100, ROOM: 29_000}, {"n": 70, "width": 80, "batch_size": 70})
# The problems, and how they are cut: the default run has few, as each is compiled.
PROBLEMS = {
    "one block": (H100, dict(RATES, train_size=96)),
    "logistic": (H100, {"n": 40, "train_size": 77, "loss": "logistic"}),
    "two blocks": LARGE,
}
MORE_PROBLEMS = {
    "last batch of 4": (H100, {}),
    "last batch of 4, square": (H100, {"loss": "square"}),
    "batch of 70, cluster of 2": (room_for(3), {"batch_size": 70, "train_size": 150}),
    "100 inputs, logistic": (H100, {"n": 100, "width": 40, "train_size": 64, "loss": "logistic"}),
    "last batch of 4, logistic": (H100, {"loss": "logistic"}),
    "two words, 48 columns": (H100, {"n": 40, "width": 100, "train_size": 77}),
    "caches": ({**H100, ROOM: 6000}, {"n": 40, "width": 100, "train_size": 77}),
    "no clusters": (A10G, {"n": 40, "width": 100, "train_size": 77}),
    "cluster of 2": (room_for(4, 3), {"n": 40, "width": 100, "train_size": 77}),
    "cluster of 4": (room_for(3, 3), {"n": 40, "width": 150, "train_size": 77}),
    "cluster of 8, a block without tiles": (room_for(1, 3), {"n": 40, "width": 80}),
    "31 inputs": (H100, {"n": 31, "width": 48, "train_size": 50, "batch_size": 20}),
    "32 inputs": (H100, {"n": 32, "width": 48, "train_size": 50, "batch_size": 20}),
    "200 inputs": (H100, {"n": 200, "width": 40, "train_size": 64}),
    "200 inputs, batch of 64": (H100, {"n": 200, "width": 24, "train_size": 90, "batch_size": 64}),
    "one batch": (H100, {"batch_size": 150, "train_size": 150, "loss": "square"}),
    "batch of 33": (H100, {"batch_size": 33, "loss": "logistic"}),
    "4,096 neurons": (H100, {"n": 20, "width": 4096, "train_size": 40}),
    "4,096 neurons in the caches": (A10G, {"n": 20, "width": 4096, "train_size": 40}),
}


def transitions(engine, members):
    """When each trial memorized, generalized and ended, and how, by the program's own loop."""
    run, rows = PackRun(Pack(tuple(members)), engine), {}
    while run.open:
        for row in finished.trials if (finished := run.advance()) else ():
            rows[row["trial_id"]] = tuple(row[name] for name in TRANSITIONS)
    return [rows[member.trial_id] for member in members]
