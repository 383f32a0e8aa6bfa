"""A task and a net of one's own: in this process, in every process of a study, and refused."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import majority
import pytest
import torch
from commands import finish, study
from registered import tables_put_back

import study as package
from study.errors import SpecError, UsageError
from study.spec.file import resolve
from study.store.store import Store
from study.tasks.task_code import code_of_task
from study.trials.expand import expand
from study.vocabulary.nets import NETS, Net, register_net
from study.vocabulary.tasks import TASKS, register_task

EXAMPLES = Path(majority.__file__).parent
STUDY = """
name = "majorities"
task = "majority"
seeds = 2
[axes]
n = 9
learning_rate = 0.05
[budget]
epochs = 3
"""


@pytest.fixture(autouse=True)
def put_back():
    with tables_put_back():
        yield


def test_the_package_gives_both_functions():
    assert package.register_task is register_task
    assert package.register_net is register_net
    assert {"register_net", "register_task"} <= set(dir(package))


def test_a_registered_task_is_a_task_of_a_study_file():
    with pytest.raises(SpecError, match=r"task: 'majority'; a task is one of 3 names"):
        resolve({"name": "x", "task": "majority", "axes": {}})
    majority.register()
    [setting] = resolve({"name": "x", "task": "majority", "axes": {}}).settings
    assert (setting.net, setting.train.loss) == ("two_layers", "hinge")
    assert (setting.axes.n.values, setting.axes.width.values) == ((9,), (20,))


def test_a_name_that_is_taken_is_refused():
    majority.register()
    with pytest.raises(UsageError, match=r"^'majority'; a task of this name is there already"):
        register_task("majority", majority.TASK)
    with pytest.raises(UsageError, match=r"^'relu'; a net of this name is there already"):
        register_net("relu", majority.NET)
    assert NETS["relu"].engine == "relu"


BAD_TASKS = [
    ("Majority", majority.TASK, "^'Majority'; the name of a task is small letters"),
    ("most", replace(majority.TASK, axes={"bits": 3}), "^most.axes: 'bits'; an axis is one of"),
    ("most", majority.TASK, "^most.nets: 'two_layers'; .* Register the net before the task.$"),
    ("most", replace(majority.TASK, nets=()), "^most: nets = .* Name one of each.$"),
    ("most", replace(majority.TASK, losses=()), "^most: nets = .* Name one of each.$"),
]


@pytest.mark.parametrize(("name", "row", "says"), BAD_TASKS)
def test_a_task_that_breaks_a_rule_is_refused_in_a_sentence(name, row, says):
    before = dict(TASKS)
    with pytest.raises(UsageError, match=says) as caught:
        register_task(name, row)
    assert "\n" not in str(caught.value)
    assert before == TASKS


def test_a_net_of_ones_own_can_learn_parity_but_not_from_fresh_rows():
    register_net("two_layers", majority.NET)
    register_task("bits", replace(TASKS["parity"], nets=("two_layers",)))
    written = {"name": "x", "task": "bits", "axes": {"n": 9, "train_size": 100}}
    [trial, *_] = expand(resolve({**written, "data": {"test_rows": 200}}))
    train, test = code_of_task("bits").draw([trial], torch.device("cpu"), torch.float32)
    assert (train.inputs.shape, test.inputs.shape) == ((1, 100, 10), (1, 200, 10))
    with pytest.raises(SpecError, match=r"axes.train_size: online; fresh rows are for the ReLU"):
        resolve({**written, "axes": {"n": 9, "train_size": "online"}})


def test_a_net_of_modules_names_its_class_and_no_other_net_does():
    for engine, code in (("module", None), ("relu", "majority:TwoLayers")):
        with pytest.raises(UsageError, match='"module" names its class'):
            Net({"width": 20}, majority.count_weights, engine=engine, code=code)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("majority:Nothing", "has no attribute 'Nothing'; code is a class that can be imported"),
        ("no_such_module:Task", "No module named 'no_such_module'; code is a class"),
        ("majority:TwoLayers", "is derived from study.tasks.task_code.TaskCode"),
        ("majority:register", "code is a class. Write"),
        ("majority", "code is a class that can be imported"),
    ],
)
def test_code_that_is_no_task_is_refused_when_it_is_needed(code, says):
    register_net("two_layers", majority.NET)
    register_task("most", replace(majority.TASK, code=code))
    with pytest.raises(UsageError, match=says):
        code_of_task("most")


@pytest.fixture
def installed(tmp_path):
    """An environment in which `majority` is a package with an entry point."""
    made = tmp_path / "site" / "majority-1.0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: majority\nVersion: 1.0\n")
    entry = "[study.registrations]\nmajority = majority:register\n"
    (made / "entry_points.txt").write_text(entry)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(made.parent), str(EXAMPLES)])}


@pytest.mark.slow
def test_study_run_and_its_workers_train_the_task_of_an_installed_package(installed, tmp_path):
    path = tmp_path / "majorities.toml"
    path.write_text(STUDY)
    finish(study("run", path, "--out", tmp_path, "--cpus", 1, env=installed), code=0)
    rows = Store.open(tmp_path / "majorities").trials().to_pylist()
    assert [(row["task"], row["net"]) for row in rows] == [("majority", "two_layers")] * 2


def test_an_entry_point_that_cannot_be_imported_is_said_so(installed, tmp_path):
    broken = {**installed, "PYTHONPATH": str(tmp_path / "site")}
    asked = (
        "from study.spec.file import resolve\n"
        "resolve({'name': 'x', 'task': 'majority', 'axes': {}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], env=broken, capture_output=True, text=True, check=False
    )
    assert "UsageError: majority = 'majority:register' of study.registrations: " in done.stderr
