"""study.json and packs/*.json: what outlives a restart, and the errors for damaged files."""

import json

import pytest
from small import spec_of
from trained import fill

from study import cli
from study.errors import StoreError
from study.plan.plan import start_study
from study.plan.status import study_status
from study.store.store import Store


def dated(store, moment):
    """Rewrite a store as if its study had begun at another moment."""
    manifest = store.manifest()
    store.write_manifest(
        {
            **manifest,
            "started": moment,
            "starts": [{**start, "started": moment} for start in manifest["starts"]],
        }
    )


def test_a_study_keeps_its_start_and_every_command_that_trained(tmp_path):
    first = "2026-01-02T03:04:05+00:00"
    store = fill(spec_of(seeds=1), tmp_path / "small")
    dated(store, first)
    before = (tmp_path / "small" / "study.json").read_bytes()
    assert start_study(spec_of(seeds=1), store, ["again"]).packs == ()
    assert (tmp_path / "small" / "study.json").read_bytes() == before
    start_study(spec_of(seeds=3), store, ["study", "run", "more"])
    manifest = store.manifest()
    assert manifest["started"] == study_status(store)["started"] == first
    assert manifest["command"] == "study run more"
    starts = [(start["command"], start["done_before"]) for start in manifest["starts"]]
    assert starts == [("pytest", 0), ("study run more", 1)]
    assert all("torch" in start["versions"] for start in manifest["starts"])


def test_a_store_of_an_older_release_keeps_its_only_start(tmp_path):
    store = fill(spec_of(seeds=1), tmp_path / "small")
    old = {name: value for name, value in store.manifest().items() if name != "starts"}
    store.write_manifest({**old, "command": "the old one"})
    start_study(spec_of(seeds=2), store, ["new"])
    assert [start["command"] for start in store.manifest()["starts"]] == ["the old one", "new"]


def test_a_spec_that_needs_no_training_is_noted_without_a_start(tmp_path):
    store = fill(spec_of(seeds=3), tmp_path / "small")
    before = store.manifest()
    start_study(spec_of(seeds=2), store, ["fewer"])
    assert study_status(store)["planned"] == 2
    assert store.manifest()["starts"] == before["starts"]


def test_a_newer_schema_is_refused(tmp_path, run_main):
    store = fill(spec_of(seeds=1), tmp_path / "small")
    store.write_manifest({**store.manifest(), "schema_version": 99})
    with pytest.raises(
        StoreError, match=r"study.json: schema_version 99; this program reads up to"
    ):
        Store.open(store.url)
    study = tmp_path / "small.json"
    study.write_text(spec_of(seeds=2).model_dump_json())
    code, _, err = run_main(cli.main, "run", study, "--out", tmp_path)
    assert (code, err.count("\n")) == (1, 1)
    assert "schema_version 99" in err


EDITS = [
    ("settings", None),
    ("settings", {"": 3}),
    ("started", None),
    ("started", "yesterday"),
    ("started", "2026-01-02"),
    ("started", 5),
    ("done_before", "many"),
    ("versions", "1.0"),
    ("starts", [{"command": "x"}]),
    ("schema_version", "one"),
]


@pytest.mark.parametrize(("key", "value"), EDITS, ids=str)
def test_a_manifest_edited_by_hand_is_named_with_its_key(run_main, tmp_path, key, value):
    store = fill(spec_of(seeds=1), tmp_path / "small")
    study = tmp_path / "small.json"
    study.write_text(spec_of(seeds=2).model_dump_json())
    edited = {**store.manifest(), key: value}
    if (key, value) == ("started", None):
        del edited["started"]
    store.write_manifest(edited)
    before = {p: p.read_bytes() for p in (tmp_path / "small").rglob("*") if p.is_file()}
    for typed in (
        ["status", store.url],
        ["run", study, "--out", tmp_path],
        ["plan", study, "--out", tmp_path],
    ):
        code, out, err = run_main(cli.main, *typed)
        assert (code, out, err.count("\n")) == (1, b"", 1), err
        assert f"study.json: {key}" in err
        assert err.endswith(".\n")
    assert {p: p.read_bytes() for p in (tmp_path / "small").rglob("*") if p.is_file()} == before


PACK_EDITS = [
    ({"state": 3}, "state: 3"),
    ({"state": "running", "heartbeat": "noon"}, "heartbeat: 'noon'"),
    ({"state": "failed", "members": {}}, "members"),
    (
        {"state": "failed", "members": {"study": "s", "setting": {"axes": 5}, "members": []}},
        "axes: 5",
    ),
    ({"state": "failed", "members": []}, "members"),
    ({"state": "failed", "failures": "x"}, "failures: 'x'"),
    ("{", "not JSON"),
]


@pytest.mark.parametrize(("edit", "said"), PACK_EDITS, ids=str)
def test_a_pack_edited_by_hand_is_named_and_its_remedy_works(run_main, tmp_path, edit, said):
    store = fill(spec_of(seeds=2), tmp_path / "small", most=0)
    [path] = (tmp_path / "small" / "packs").iterdir()
    content = json.loads(path.read_text())
    path.write_text(edit if isinstance(edit, str) else json.dumps({**content, **edit}))
    code, _, err = run_main(cli.main, "status", store.url)
    assert (code, err.count("\n")) == (1, 1), err
    assert f"packs/{path.name}" in err
    assert said in err
    assert "Delete the file" in err
    path.unlink()
    assert run_main(cli.main, "status", store.url)[0] == 0
    assert fill(spec_of(seeds=2), store.url).trials().num_rows == 2


def test_when_the_budget_of_trials_is_used_up_nothing_goes_on(run_main, tmp_path):
    budget = {"epochs": 40, "trials": 2}
    fill(spec_of(seeds=2, budget={"epochs": 40}), tmp_path / "small")
    study = tmp_path / "small.json"
    study.write_text(spec_of(seeds=3, budget=budget).model_dump_json())
    before = Store(tmp_path / "small").manifest()["starts"]
    code, out, err = run_main(cli.main, "run", study, "--out", tmp_path)
    assert code == 0
    said = (
        "stopped: 2 of 3 finished, 1 to go; budget.trials = 2 is used up, a larger one continues\n"
    )
    assert said in out.decode()
    assert "starting Ray" not in err
    assert Store(tmp_path / "small").manifest()["starts"] == before
