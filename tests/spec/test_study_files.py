"""Study files that are written for people: a new one, a study in full, the schema for editors."""

import json
import tomllib
from importlib import resources

import jsonschema
import pytest
from small import spec_of
from trained import fill

from study import cli
from study.errors import SpecError
from study.plan.costs import core_seconds
from study.plan.plan import make_plan
from study.spec.file import bundled_names, load_spec, resolve
from study.spec.file_schema import file_schema
from study.spec.new_file import NEW_FILE
from study.spec.toml_text import toml_text

NEW = NEW_FILE.format(name="first")
BUNDLED = {
    name: resources.files("study.spec") / "bundled" / f"{name}.toml" for name in bundled_names()
}
ODD = spec_of(
    {"weight_decay": {"linear": [0.0, 0.1]}, "width": [8, 16], "train_size": "online"},
    name="odd",
    seeds=[7, 3],
    search={"kind": "random", "trials": 4, "objective": ["-k"]},
)


@pytest.fixture(scope="module")
def validator():
    schema = file_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(cli.main, *arguments)


def test_a_new_file_is_a_small_study_and_is_never_overwritten(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("init")
    assert (code, err, out.decode().splitlines()[0]) == (0, "", "first.toml")
    spec = load_spec("first.toml")
    assert core_seconds(make_plan(spec).packs) < 30
    before = (tmp_path / "first.toml").read_text()
    for name, said in (
        ("first", "overwrites nothing"),
        ("quick", "a bundled study"),
        ("a/b", "'a/b'"),
    ):
        code, out, err = run("init", name)
        assert (code, out, err.count("\n")) == (2, b"", 1)
        assert said in err
    assert (tmp_path / "first.toml").read_text() == before
    assert run("init", "mine.toml")[0] == 0
    assert load_spec("mine.toml").name == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.toml", "mine.toml"]


@pytest.mark.parametrize("spec", [*map(load_spec, BUNDLED), ODD], ids=lambda spec: spec.name)
def test_a_study_in_full_is_the_study(spec):
    assert resolve(tomllib.loads(toml_text(spec))) == spec


def test_show_takes_files_names_and_stores(run, tmp_path):
    store = fill(spec_of(seeds=1), tmp_path / "small")
    file = tmp_path / "odd.toml"
    file.write_text(toml_text(ODD))
    assert resolve(tomllib.loads(run("show", store.url)[1].decode())) == spec_of(seeds=1)
    assert resolve(tomllib.loads(run("show", file)[1].decode())) == ODD
    assert run("show", "quick", "--as-written")[1] == BUNDLED["quick"].read_bytes()
    shown = run("show", file, "--set", "seeds=2", "--json")[1]
    assert json.loads(shown)["settings"][0]["seeds"] == [0, 1]
    for wrong in (["nosuch"], [store.url, "--as-written"], [store.url, "--set", "seeds=2"]):
        code, out, err = run("show", *wrong)
        assert (code, out, err.count("\n")) == (2, b"", 1)


def test_the_schema_takes_every_study_file_and_its_full_form(run, validator):
    for name, file in BUNDLED.items():
        validator.validate(tomllib.loads(file.read_text("utf-8")))
        validator.validate(tomllib.loads(toml_text(load_spec(name))))
    validator.validate(tomllib.loads(NEW))
    validator.validate(tomllib.loads(toml_text(ODD)))
    code, out, err = run("schema")
    assert (code, json.loads(out)) == (0, file_schema())
    assert "#:schema ./study.schema.json" in err


# A line of the new file, and what it becomes.
WRONG = [
    ("[axes]", "[axis]"),
    ("width = 100", "widht = 100"),
    ("n = 30", "n = 0"),
    ("k = 2", 'k = "two"'),
    ("seeds = 3", "seeds = 0"),
    ("[100, 200, 400, 800]", "[]"),
    ("points = 5", "points = 1"),
    ("steps = 5000", "steps = 0"),
    ("[budget]", '[train]\nloss = "hinges"\n[budget]'),
    ("[budget]", '[search]\nobjective = "grokked"\n[budget]'),
    ("[budget]", '[readings]\nmeasures = ["size"]\n[budget]'),
]


@pytest.mark.parametrize(("right", "wrong"), WRONG, ids=[wrong for _, wrong in WRONG])
def test_the_schema_refuses_what_the_program_refuses(validator, right, wrong):
    assert right in NEW
    written = tomllib.loads(NEW.replace(right, wrong))
    assert not validator.is_valid(written)
    with pytest.raises(SpecError):
        resolve(written)


def test_every_key_of_the_schema_is_described():
    def undescribed(schema, path):
        for name, key in schema.get("properties", {}).items():
            if "description" not in key and path != "axes.":
                yield path + name
            yield from undescribed(key, f"{name}.")

    keys = file_schema()["properties"]
    assert not list(undescribed({"properties": keys}, ""))


def test_a_file_that_is_not_there_is_answered_with_the_nearest(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("init", "grokked")
    for typed in ("grokked.tml", "groked.toml", "grokked"):
        assert "Did you mean grokked.toml?" in run("plan", typed)[2], typed
    assert "Did you mean quick?" in run("plan", "quik")[2]


def test_a_store_that_is_not_there_is_answered_with_the_nearest(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(spec_of(seeds=1), "runs/small")
    for typed in ("small", "runs/smal", "runs/small_"):
        assert "Did you mean runs/small?" in run("status", typed)[2], typed
    assert "make one with `study run`" in run("status", "zzz")[2]
