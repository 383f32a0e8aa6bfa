"""What a study file may say, and what it is told when it says something else."""

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import SpecError
from study.spec.file import bundled_names, load_spec, resolve
from study.spec.models import StudySpec
from study.trials.expand import expand
from study.vocabulary.axis_values import read_axis

MINIMAL = {"name": "s", "axes": {}}


def spec_of(**written):
    return resolve({**MINIMAL, **written})


@pytest.mark.parametrize(
    ("axis", "written", "values"),
    [
        ("width", 200, (200,)),
        ("width", [200, 100, 200], (200, 100)),
        ("weight_decay", {"log": [1e-3, 1e-1], "points": 3}, (0.001, 0.01, 0.1)),
        ("weight_decay", {"linear": [0, 1], "points": 5}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("train_size", {"log": [10, 1000], "points": 3}, (10, 100, 1000)),
        ("train_size", [100, "online"], (100, "online")),
        ("batch_size", 32.0, (32,)),
        ("learning_rate", 1, (1.0,)),
    ],
)
def test_an_axis_is_a_value_a_list_or_a_range(axis, written, values):
    assert read_axis(axis, written).values == values


@given(st.floats(1e-6, 1.0), st.floats(1.1, 1e6), st.integers(2, 50))
def test_a_log_range_has_its_ends_and_even_ratios(low, ratio, points):
    values = read_axis("weight_decay", {"log": [low, low * ratio], "points": points}).values
    assert values[0] == pytest.approx(low, rel=1e-11)
    assert values[-1] == pytest.approx(low * ratio, rel=1e-11)
    steps = [b / a for a, b in itertools.pairwise(values)]
    assert steps == pytest.approx([ratio ** (1 / (points - 1))] * (points - 1), rel=1e-9)


def test_everything_but_name_and_axes_has_a_default():
    [setting] = spec_of().settings
    assert setting.axes.width.values == (1000,)
    assert setting.seeds == (0, 1, 2, 3, 4)
    assert setting.budget.steps == 20_000
    assert setting.detect.hold == 3
    assert spec_of(seeds=[7, 0, 7]).settings[0].seeds == (7, 0)


def test_settings_are_laid_over_the_tables():
    spec = spec_of(
        axes={"width": 50, "weight_decay": 0.01},
        budget={"steps": 100},
        settings=[
            {"label": "plain"},
            {"label": "small", "axes": {"weight_decay": 0.001}, "budget": {"epochs": 6000}},
        ],
    )
    plain, small = spec.settings
    assert (plain.budget.steps, plain.budget.epochs) == (100, None)
    assert (small.budget.steps, small.budget.epochs) == (None, 6000)
    assert small.axes.width.values == (50,)
    assert len(expand(spec)) == 10


def test_a_study_survives_its_own_json():
    spec = spec_of(
        axes={"weight_decay": {"log": [1e-3, 1], "points": 4}},
        readings={"per_decade": 20, "measures": ["effective_sparsity"]},
        settings=[{"label": "a"}, {"label": "b", "train": {"loss": "square"}}],
    )
    assert StudySpec.model_validate(spec.model_dump(mode="json")) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec, "as another process gets it"


def test_an_override_is_the_last_word_over_settings_too(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text('name = "two"\naxes = {}\n[[settings]]\nlabel = "a"\nbudget = {epochs = 9}\n')
    [setting] = load_spec(str(path), ("budget.steps=5",)).settings
    assert (setting.budget.steps, setting.budget.epochs) == (5, None)


def test_every_bundled_study_is_valid():
    assert {"quick", "two_circuits"} <= set(bundled_names())
    for name in bundled_names():
        assert load_spec(name).name == name


def test_set_overrides_any_key():
    spec = load_spec(
        "quick",
        (
            "axes.width=[100, 200]",
            "name=other",
            "budget.epochs=5",
            "train.loss=logistic",
            "seeds=2",
        ),
    )
    [setting] = spec.settings
    assert spec.name == "other"
    assert setting.axes.width.values == (100, 200)
    assert (setting.budget.epochs, setting.budget.steps) == (5, None)
    assert setting.train.loss == "logistic"
    assert setting.seeds == (0, 1)


BAD = [
    ({"axes": {"widht": 3}}, "axes.widht: unknown key", "'width'"),
    ({"color": 3}, "color: unknown key", ""),
    ({"detect": {"holds": 3}}, "detect.holds: unknown key", "'hold'"),
    ({"axes": {"width": []}}, "axes.width: []", "at least one"),
    ({"axes": {"width": -5}}, "axes.width: -5", "at least 1"),
    ({"axes": {"width": 2.5}}, "axes.width: 2.5", "whole number"),
    ({"axes": {"width": "wide"}}, "axes.width: 'wide'", "number"),
    ({"axes": {"width": 10**400}}, "axes.width: 1000", "at most 1e+09"),
    ({"axes": {"learning_rate": 1e30}}, "axes.learning_rate: 1e+30", "at most"),
    ({"axes": {"n": 7, "train_size": "online"}}, "axes.train_size: online with n = 7", "least 8"),
    ({"axes": 5}, "axes: 5", "a table of keys"),
    ({"seeds": 10**9}, "seeds: 1000000000", "to a million"),
    ({"seeds": [2**63]}, "seeds: [9223372036854775808]", "below 2^63"),
    ({"search": {"kind": "random", "trials": 10**9}}, "search.trials: 1000000000", "less than"),
    ({"axes": {"width": True}}, "axes.width: True", "number"),
    ({"axes": {"learning_rate": float("nan")}}, "axes.learning_rate: nan", "finite"),
    ({"axes": {"learning_rate": 0}}, "axes.learning_rate: 0", "above 0"),
    (
        {"axes": {"weight_decay": {"log": [0.0, 1], "points": 3}}},
        "axes.weight_decay: 0",
        "log range",
    ),
    ({"axes": {"weight_decay": {"log": [1, 0.1], "points": 3}}}, "axes.weight_decay", "rises"),
    ({"axes": {"weight_decay": {"log": [1e-3, 1]}}}, "axes.weight_decay", "points"),
    ({"axes": {"weight_decay": {"lgo": [1e-3, 1]}}}, "axes.weight_decay", "log or linear"),
    ({"axes": {"n": 10, "k": 11}}, "axes.k: 11 with n = 10", "at most n"),
    ({"axes": {"n": 10, "train_size": 1000}}, "axes.train_size: 1000 with n = 10", "924"),
    ({"axes": {"n": 5, "train_size": 1}}, "axes.train_size: 1 with n = 5", "at least 7"),
    ({"seeds": 0}, "seeds: 0", "count"),
    ({"seeds": []}, "seeds: []", "count"),
    ({"seeds": [1, -1]}, "seeds: [1, -1]", "whole numbers"),
    ({"budget": {"steps": 1, "epochs": 1}}, "budget: steps = 1 and epochs = 1", "Keep one"),
    ({"budget": {"steps": 0}}, "budget.steps: 0", "greater than or equal to 1"),
    ({"detect": {"generalized": 1.5}}, "detect.generalized: 1.5", "less than 1"),
    ({"train": {"loss": "huber"}}, "train.loss: 'huber'", "'hinge'"),
    ({"data": {"test_rows": 7}}, "data.test_rows: 7", "100"),
    (
        {"readings": {"measures": ["effective_sparcity"]}},
        "readings.measures: 'effective_sparcity'",
        "effective_sparsity",
    ),
    ({"readings": {"every": 2, "per_decade": 3}}, "readings: every = 2", "Keep one"),
    ({"readings": {"every": 0}}, "readings.every", "greater than or equal to 1"),
    ({"search": {"kind": "random"}}, "search.trials: missing", "Write one"),
    ({"search": {"kind": "psychic"}}, "search.kind: 'psychic'", "'grid'"),
    ({"name": "a/b"}, "name: 'a/b'", ""),
    ({"name": None}, "name", ""),
    ({"task": "divison"}, "task: 'divison'", "'division'"),
    ({"settings": []}, "settings: []", "[[settings]]"),
    ({"settings": [{"axes": {"width": 5}}]}, "settings.0.label: missing", "Name it"),
    ({"settings": [{"label": "a"}, {"label": "a"}]}, "settings: 'a' twice", "Rename"),
    (
        {"settings": [{"label": "a", "axes": {"k": 99}}]},
        "settings.0.axes.k: 99 with n = 40",
        "at most n",
    ),
]


@pytest.mark.parametrize(("written", "begins", "remedy"), BAD, ids=[b for _, b, _ in BAD])
def test_a_broken_rule_is_one_sentence_with_value_rule_and_remedy(written, begins, remedy):
    with pytest.raises(SpecError) as caught:
        spec_of(**written)
    message = str(caught.value)
    assert message.startswith(begins), message
    assert remedy in message
    assert "\n" not in message
    assert "pydantic" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [("name = ", "a study file is TOML"), ("\xff\xfe", "a study file is")],
)
def test_a_file_that_is_not_toml_is_said_so(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SpecError, match=message):
        load_spec(str(path))
    with pytest.raises(SpecError, match="no such file"):
        load_spec("no_such_study")
    with pytest.raises(SpecError, match="no value"):
        load_spec("quick", ("axes.width",))
