"""study.json names the commit that trained; a run on a store of other versions says so."""

import json
import subprocess

import pytest
from small import spec_of
from trained import fill

from study import cli
from study.plan import plan as planning
from study.plan.code_commit import code_commit, version_note
from study.plan.plan import start_study
from study.store.manifest import read_manifest
from study.store.store import Store


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, "-C", folder, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "program"
    root.mkdir()
    git(root, "init", "-q")
    (root / "code.py").write_text("1")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def test_a_commit_is_that_of_the_checkout_and_says_changes(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert code_commit(checkout) == head
    (checkout / "runs.txt").write_text("not a part of it")
    assert code_commit(checkout) == head
    (checkout / "code.py").write_text("2")
    assert code_commit(checkout) == f"{head} with changes"


def test_without_a_checkout_of_its_own_there_is_no_commit(checkout, tmp_path, monkeypatch):
    inside = checkout / "venv" / "lib"
    inside.mkdir(parents=True)
    assert code_commit(inside) == "", "the checkout of another project"
    assert code_commit(tmp_path) == ""
    monkeypatch.setenv("PATH", "")
    assert code_commit(checkout) == "", "no git"


def test_a_note_names_what_differs_and_what_is_here():
    before = {"study": "0.1.0", "torch": "2.12.0+cu130", "commit": "a" * 40}
    now = {
        "study": "0.1.0",
        "torch": "2.13.0+cpu",
        "commit": f"{'b' * 40} with changes",
        "ray": "2",
    }
    words = version_note(before, now)
    assert "torch 2.12.0+cu130 (here 2.13.0+cpu)" in words
    assert "commit aaaaaaaaaa (here bbbbbbbbbb with changes)" in words
    assert "ray" not in words, "nobody noted it"
    assert "study 0" not in words, "the same"
    assert version_note(now, now) == version_note({}, now) == ""


def test_a_start_is_noted_with_its_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(planning, "code_commit", lambda: "c" * 40)
    start_study(spec_of(), Store(tmp_path / "small"), ["pytest"])
    assert read_manifest(Store(tmp_path / "small")).commit == "c" * 40
    monkeypatch.setattr(planning, "code_commit", lambda: "")
    plan = start_study(spec_of(seeds=4), Store(tmp_path / "small"), ["pytest"])
    assert plan.notes == (), "no trial is stored yet"
    assert [start.commit for start in read_manifest(Store(tmp_path / "small")).starts] == [
        "c" * 40,
        "",
    ]


def test_a_run_on_a_store_of_other_versions_says_so_before_it_trains(
    run_main, tmp_path, monkeypatch
):
    store = fill(spec_of(seeds=2), tmp_path / "small")
    content = store.manifest()
    content["versions"]["torch"] = "2.12.0"
    for start in content["starts"]:
        start["versions"]["torch"] = "2.12.0"
    store.write_manifest(content)

    class BegunError(Exception):
        pass

    def begin(*_):
        raise BegunError

    monkeypatch.setattr(cli, "_trained", begin)
    study = tmp_path / "small.json"
    study.write_text(spec_of(seeds=3).model_dump_json())
    err = run_main(cli.main, "run", study, "--out", tmp_path, "--quiet")[2]
    [said] = [line for line in err.splitlines() if line.startswith("note: ")]
    assert "torch 2.12.0 (here 2.13.0" in said
    study.write_text(spec_of(seeds=2).model_dump_json())
    monkeypatch.undo()
    assert "note: " not in run_main(cli.main, "run", study, "--out", tmp_path)[2], (
        "nothing to train"
    )


def test_a_store_without_commits_is_read(tmp_path):
    store = fill(spec_of(seeds=1), tmp_path / "small")
    content = json.loads(json.dumps(store.manifest()))
    for start in (content, *content["starts"]):
        start.pop("commit", None)
    store.write_manifest(content)
    assert read_manifest(store).code["commit"] == ""
