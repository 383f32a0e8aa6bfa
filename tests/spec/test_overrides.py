"""What may be typed after --set, and what a study file is told when it is not one."""

import json

import pytest
from small import spec_of
from trained import fill

from study.errors import SpecError
from study.spec.file import load_spec

MINIMAL = 'name = "t"\nseeds = 2\n[axes]\nn = 20\nk = 2\nwidth = 24\ntrain_size = 60\n'


@pytest.fixture
def file(tmp_path):
    """Write a study file; gives its path."""

    def write(content, name="t.toml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (".1", (0.1,)),
        ("1.e-3", (0.001,)),
        ("[.1,.01]", (0.1, 0.01)),
        ("100,200", (100.0, 200.0)),
        ("5.", (5.0,)),
        ("{log=[.1,1.],points=3.0}", (0.1, 0.316227766017, 1.0)),
        (" 0.5 ", (0.5,)),
    ],
)
def test_numbers_are_read_as_people_type_them(typed, values):
    [setting] = load_spec("quick", (f"axes.weight_decay={typed}",)).settings
    assert setting.axes.weight_decay.values == values


def test_words_and_lists_need_no_quotes():
    sets = ("train.loss=logistic", "readings.measures=arity,sensitivity", "seeds=3.0", "name=v1.5b")
    spec = load_spec("quick", sets)
    [setting] = spec.settings
    assert (spec.name, setting.train.loss, setting.seeds) == ("v1.5b", "logistic", (0, 1, 2))
    assert setting.readings.measures == ("arity", "sensitivity")


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("width=100", "width is a key of [axes]. Write axes.width."),
        ("trials=5", "Write budget.trials or search.trials."),
        ("axes.seeds=3", "Write it above [axes]"),
        ("budget.epochs", "Write budget.epochs=600."),
        ("budget.epochs=", "Write budget.epochs=600."),
        ("axes.width", "Write axes.width=1000."),
        ("axes.modulus", "Write axes.modulus=97."),
        ("train.loss", "Write train.loss=hinge."),
        ("detect.stop", "Write detect.stop=true."),
        ("nothing", "Write name=test."),
        ("axes.width=[100, 200", "ends as it begins"),
        ("budget.steps=true", "budget.steps: True; a value here is a whole number"),
        ('budget.steps="100"', "Write 100, without quotes."),
        ("budget.steps=2.5", "Use 2."),
        ('detect.stop="no"', "true or false, without quotes"),
        ("detect.stop=0", "true or false"),
        ("detect.generalized=true", "a value here is a number"),
        ("detect.hold=true", "whole number"),
        ('search.batch="8"', "Write 8, without quotes."),
        ("seeds=true", "seeds is a count"),
        ('axes.weight_decay="1e-3"', "Write 0.001, without quotes."),
        ("data.test_rows=fixt", 'a whole number or "fixed"'),
        ("train.betas=[0.9]", "betas are two numbers. Write [0.9, 0.999]."),
        ("train.betas=0.9", "betas are two numbers"),
        ("resources.cpu=true", "a value here is a number"),
        ("budget.wall_hours=1e400", "a number here is at most"),
        (f"budget.steps={10**30}", "below 2^63"),
        ("axes.weight_decay={log=[1e-6,1],points=1000000000}", "2 to 100,000 points"),
        ("axes.weight_decay={log=[1e-6,1],points=2.5}", "a whole number. Write points = 9."),
        ("name=" + "x" * 300, "of 300 characters'; a name has letters"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(override, part):
    with pytest.raises(SpecError) as caught:
        load_spec("quick", (override,))
    message = str(caught.value)
    assert part in message
    assert len(message) < 400
    assert "\n" not in message
    assert message.endswith(".")


def test_whole_floats_are_whole_and_integers_are_numbers():
    sets = ("budget.steps=2e4", "detect.linger=1", "train.betas=[0, 0.5]", "search.seed=7.0")
    [setting] = load_spec("quick", sets).settings
    assert (setting.budget.steps, setting.detect.linger, setting.search.seed) == (20_000, 1.0, 7)
    assert isinstance(setting.budget.steps, int)
    assert setting.train.betas == (0.0, 0.5)


def test_an_override_that_would_make_labels_untrue_is_refused(file):
    for override in ("task=division", "task=parity"):
        with pytest.raises(SpecError, match="'addition', 'division' differ in task"):
            load_spec("modular_small", (override, "budget.steps=40"))
    labels = [s.label for s in load_spec("modular_small", ("axes.width=64", "seeds=1")).settings]
    assert labels == ["addition", "division"]
    two = MINIMAL + '[[settings]]\nlabel = "a"\naxes = {k = 1}\n[[settings]]\nlabel = "b"\n'
    with pytest.raises(SpecError, match=r"'a', 'b' differ in axes\.k"):
        load_spec(file(two), ("axes.k=2",))
    with pytest.raises(SpecError, match=r"'a', 'b' differ in axes\.k"):
        load_spec(file(two), ("axes={k=2}",))
    assert load_spec(file(two), ("budget.epochs=5", "axes.n=30")).settings[1].budget.epochs == 5


@pytest.mark.parametrize(
    ("content", "name", "part"),
    [
        (MINIMAL.encode("utf-16"), "t.toml", "Save it as UTF-8"),
        (MINIMAL.encode("utf-16-le"), "t.toml", "Save it as UTF-8"),
        (MINIMAL.encode() + b"# \xff", "t.toml", "line 8 is not UTF-8"),
        ("name: tiny\nseeds: 5\naxes:\n  n: 20\n", "t.yaml", "YAML; a study file is TOML"),
        ("name: tiny\nseeds: 5\naxes:\n  n: 20\n", "t.toml", "YAML; a study file is TOML"),
        ('{"name": "tiny", "axes": {"n": 20}}', "t.toml", "JSON; a study file is TOML"),
        ("name = ", "t.toml", "Mend that line"),
        ("[1, 2]", "t.json", "a resolved study is one"),
        ("{", "t.json", "a resolved study is JSON"),
        ('name = "a"\n[axes]\nweight_decay = .1\n', "t.toml", "Write weight_decay = 0.1"),
        ('name = "a"\n[axes]\nn = 1' + "0" * 5000, "t.toml", "a study file is TOML"),
        ('name = "typo"\n[axis]\nn = 20\n', "t.toml", "Did you mean 'axes'?"),
        ('name = "t"\n[axes]\nn = 20\nseeds = 3\n', "t.toml", "Write it above [axes]"),
        ('name = "t"\n[axes]\nn = 20\nepochs = 3\n', "t.toml", "Write budget.epochs."),
    ],
)
def test_a_file_that_is_something_else_has_a_remedy_of_its_own(file, content, name, part):
    with pytest.raises(SpecError) as caught:
        load_spec(file(content, name))
    assert part in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_read_over(file):
    assert load_spec(file(b"\xef\xbb\xbf" + MINIMAL.encode())).name == "t"


def test_a_store_is_named_as_one_and_its_study_can_be_run(tmp_path):
    spec = spec_of(seeds=1)
    store = fill(spec, tmp_path / "small")
    with pytest.raises(SpecError, match=r"a store; .* use .*small/study\.json"):
        load_spec(store.url)
    assert load_spec(f"{store.url}/study.json") == spec
    with pytest.raises(SpecError, match="a folder"):
        load_spec(str(tmp_path))
    more = load_spec(f"{store.url}/study.json", ("seeds=4", "budget.steps=80"))
    assert (more.settings[0].seeds, more.settings[0].budget.epochs) == ((0, 1, 2, 3), None)
    (tmp_path / "r.json").write_text(json.dumps(spec.model_dump(mode="json")))
    assert load_spec(str(tmp_path / "r.json")) == spec


@pytest.mark.parametrize(
    ("sets", "part"),
    [
        (("seeds=1000000",), "1,000,000 seeds: 70,000,000 trials; a study has at most 2,000,000"),
        (("axes.width={linear=[1,20000],points=20000}", "seeds=1"), "shapes; a pack holds trials"),
        (
            ("search.kind=random", "search.trials=9000000", "axes.n=30"),
            "search.trials = 9,000,000: 9,000,000 trials",
        ),
    ],
)
def test_a_study_that_nobody_could_plan_is_counted_and_refused(sets, part):
    with pytest.raises(SpecError) as caught:
        load_spec("quick", sets)
    assert part in str(caught.value)
