"""Whether two versions of the program give the same results, to the last bit.

`python tests/support/same_results.py FILE` trains random small trials of every loss, optimizer,
task and schedule, all of the study `quick`, and one seed of `two_circuits`. It writes their results
and readings to FILE. Where FILE exists, it names what differs from FILE instead. Run it with one
version, then with the other, on one machine: instruction sets round otherwise.
"""

import json
import random
import sys
from pathlib import Path

from study.engine.make import pick_engine
from study.errors import UsageError
from study.spec.file import load_spec, resolve
from study.training.pack_run import PackRun
from study.training.replay import differences
from study.trials.expand import expand
from study.trials.packing import group
from study.vocabulary.columns import RESULT_COLUMNS

SETTINGS = 260  # random ones, with up to eight trials each
COMPARED = [name for name in RESULT_COLUMNS if name != "schema_version"]


def random_study(draw: random.Random) -> dict:
    """A study file of small nets, as its tables; not every one is a valid study."""
    pick = draw.choice
    parity = {"n": pick([9, 14, 20, 30, 33]), "k": pick([1, 2, 3]), "width": pick([5, 24, 64, 90])}
    parity["train_size"] = pick([30, 64, 100, 150, "online"])
    modular = {"modulus": pick([13, 17]), "train_fraction": pick([0.3, 0.4]), "width": 8}
    task, net = pick([("parity", "relu")] * 9 + [("addition", "mlp"), ("division", "transformer")])
    rates = {"learning_rate": [0.1, pick([0.02, 0.3, 30.0])], "init_scale": pick([1.0, 1.0, 0.05])}
    rates |= {"weight_decay": [pick([0.0, 0.01]), pick([0.03, 0.1, 1.0])]}
    sizes = {"batch_size": pick([7, 32, 40])}
    data = {"test_rows": pick([200, 700, "fixed"]), "labels": pick(["parity"] * 4 + ["random"])}
    loss = pick(["hinge", "hinge", "logistic", "square"]) if task == "parity" else "cross_entropy"
    optimizer = {
        "optimizer": pick(["sgd"] * 9 + ["adamw"]),
        "dtype": pick(["float32"] * 4 + ["float64"]),
    }
    every = pick([{"every": 1}] * 5 + [{"every": 2}, {"per_decade": 20}])
    keep = {"keep_per_decade": pick([10, 10, 3, "all"])}
    detect = {"hold": pick([1, 2, 3, 3, 4]), "stop": pick([True, True, False])}
    return {
        "name": "same",
        "task": task,
        "net": net,
        "seeds": 2,
        "axes": {**(parity if task == "parity" else modular), **rates, **sizes},
        "data": data if task == "parity" else {},
        "train": {"loss": loss, **optimizer},
        "budget": {"epochs": pick([30, 80, 200])},
        "detect": {**detect, "linger": pick([0.0, 0.0, 0.2]), "generalized": pick([0.98, 0.7])},
        "readings": {**every, **keep, "measures": pick([[], [], ["effective_sparsity"]])},
        "resources": {"device": "cpu"},
    }


def studies() -> dict[str, list]:
    """The trials to train, by the name of what they are of."""
    draw, found = random.Random(19), {}
    while len(found) < SETTINGS:
        try:
            spec = resolve(random_study(draw))
        except UsageError:
            continue
        found[f"random {len(found)}"] = expand(spec)
    found["quick"] = expand(load_spec("quick"))
    found["two_circuits"] = [t for t in expand(load_spec("two_circuits")) if t.seed == 0]
    return found


def results(trials: list) -> dict[str, dict]:
    """Results and readings of trials, by trial id."""
    rows = {}
    for pack in group(trials):
        run = PackRun(pack, pick_engine(pack.trials[0]))
        while run.open:
            finished = run.advance()
            if not finished:
                continue
            for row in finished.trials:
                rows[row["trial_id"]] = {n: [row[n]] for n in COMPARED}
            for index, trial_id in enumerate(finished.readings["trial_id"]):
                for name, column in finished.readings.items():
                    rows[trial_id].setdefault(f"reading_{name}", []).append(column[index])
    return rows


def main(file: Path) -> int:
    """Write the results, a line for each study, or compare them with the lines of the file."""
    if not file.exists():
        with file.open("w") as lines:
            for name, trials in studies().items():
                print(json.dumps([name, results(trials)]), file=lines, flush=True)
        return 0
    compared = moved = 0
    then = dict(json.loads(line) for line in file.read_text().splitlines())
    for name, trials in studies().items():
        before = then.get(name, {})
        for trial_id, columns in results(trials).items() if before else ():
            shared = {n: column for n, column in columns.items() if n in before[trial_id]}
            if gaps := differences(shared, before[trial_id]):
                print(name, trial_id, gaps)
            compared, moved = compared + 1, moved + bool(gaps)
    print(f"{compared} trials compared, {moved} differ")
    return int(moved > 0 or not compared)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
