"""The vocabulary: what it may import, and that each fact of an axis stands in one place."""

import pickle
import subprocess
import sys

import pytest
from small import trials_of

from study.spec.models import Axes
from study.trials.trial import Point
from study.vocabulary.axes import AXES, COMMON, whole
from study.vocabulary.columns import TRIAL_COLUMNS
from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS

HEAVY = ("torch", "pyarrow", "pydantic", "numpy", "pandas", "ray", "scipy")


def test_the_vocabulary_needs_nothing_heavy():
    asked = (
        "import importlib, pkgutil, sys, study.vocabulary as house\n"
        "names = [m.name for m in pkgutil.iter_modules(house.__path__, 'study.vocabulary.')]\n"
        "for name in names: importlib.import_module(name)\n"
        f"print(len(names), *({set(HEAVY)} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert int(count) >= 8
    assert loaded == []


def test_fields_points_and_columns_are_the_axes_in_order():
    assert list(Axes.model_fields) == list(AXES)
    assert list(Point(*range(len(AXES))).values()) == list(AXES)
    assert [name for name in TRIAL_COLUMNS if name in AXES] == list(AXES)


def test_every_axis_has_its_default_in_one_place():
    own = [{*row.axes} for row in (*TASKS.values(), *NETS.values())]
    for name in AXES:
        assert (name in COMMON) != any(name in axes for axes in own), name


def test_a_point_is_a_frozen_value_that_other_processes_get():
    point = trials_of(seeds=1)[0].point
    again = pickle.loads(pickle.dumps(point))
    assert again == point
    assert hash(again) == hash(point)
    assert {point: 1}[again] == 1
    with pytest.raises(AttributeError):
        point.width = 3
    assert not hasattr(point, "__dict__")
    assert repr(point).startswith("Point(n=20, k=2, width=24, weight_decay=0.01, ")


def test_an_axis_that_a_point_does_not_have_is_not_a_number():
    point = trials_of(seeds=1)[0].point
    assert point.modulus is None
    assert point.whole("width") == 24
    with pytest.raises(LookupError, match="modulus: None; this task or net has no number there"):
        point.whole("modulus")
    with pytest.raises(LookupError, match="train_size: 'online'"):
        whole({"train_size": "online"}, "train_size")
