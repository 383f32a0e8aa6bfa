"""Specs, stores and queries are data; secrets are not written; nothing listens to strangers."""

import io
import json
import os
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from commands import STUDY, finish, running_process, study, wait_for
from object_store import ObjectStore
from small import spec_of
from trained import fill, table

from analysis.tables.frames import load_trials
from study.errors import StudyError, UsageError
from study.plan.plan import start_study
from study.spec.file import load_spec
from study.store.manifest import stored_spec
from study.store.store import Store
from study.training.runner import run_pack

CODE = "__import__('pathlib').Path({!r}).touch()"


class Bomb:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def proof(tmp_path):
    """The path of a file that exists once any code in the data was run."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "what was given as data was run"


SPECS = [
    'name = "{code}"\n[axes]\nn = 20',
    'name = "x"\n[axes]\nn = "{code}"',
    'name = "x"\n[axes]\nwidth = {{log = ["{code}", 2], points = 2}}',
    'name = "x"\ntask = "{code}"\n[axes]\nn = 20',
    'name = "x"\n[axes]\nn = 20\n[train]\nloss = "{code}"',
    'name = "x"\n[axes]\nn = 20\n[readings]\nmeasures = ["{code}"]',
]


@pytest.mark.parametrize("text", SPECS)
def test_a_study_file_is_data(tmp_path, proof, text):
    path = tmp_path / "study.toml"
    path.write_text(text.format(code=CODE.format(str(proof))))
    with pytest.raises(UsageError):
        load_spec(str(path))
    with pytest.raises(UsageError):
        load_spec("quick", (f"axes.n={CODE.format(str(proof))}",))


@pytest.mark.parametrize(
    "where",
    [
        "{code}",
        "n == {code}",
        "@{code}",
        "n.__class__ == 1",
        "().__class__.__bases__[0].__subclasses__() == 1",
        "(lambda: {code})() == 1",
    ],
)
def test_a_query_is_data(tmp_path, proof, where):
    store = fill(spec_of(seeds=1, budget={"epochs": 1}), tmp_path / "store")
    with pytest.raises(UsageError):
        load_trials(store.url, where=where.format(code=CODE.format(str(proof))))


def pickled(proof):
    """Checkpoints with a pickle in them: alone, and as an array that only a pickle can hold."""
    yield pickle.dumps(Bomb(proof))
    buffer = io.BytesIO()
    np.savez(buffer, **{"run.seconds": np.array([Bomb(proof)], dtype=object)})
    yield buffer.getvalue()


def test_a_store_is_data(tmp_path, proof):
    spec = spec_of(seeds=2)
    whole = table(fill(spec, tmp_path / "whole"))
    for number, content in enumerate(pickled(proof)):
        store = Store(tmp_path / f"store-{number}")
        [pack] = start_study(spec, store, ["pytest"]).packs
        store.packs.write_checkpoint(pack.pack_id, content)
        for _ in run_pack(pack, store):
            pass
        assert table(store) == whole
        for name in ("trials", "readings"):
            stranger = Path(store.url) / name / "part-0-0.parquet"
            stranger.write_bytes(content)
            with pytest.raises(StudyError, match="damaged"):
                store.tables.scan(name)
            stranger.unlink()
    for key, value in {"task": CODE, "label": {"a": CODE}, "code": CODE}.items():
        manifest = json.loads(json.dumps(store.manifest()))
        manifest["spec"]["settings"][0][key] = value
        store.write_manifest(manifest)
        with pytest.raises(StudyError):
            stored_spec(store)


def test_no_secret_is_in_a_store(monkeypatch):
    s3 = ObjectStore()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.make_bucket()
    store = fill(spec_of(seeds=2, budget={"epochs": 2}), "s3://bucket/runs/small")
    written = {path for method, path in s3.requests if method == "PUT" and path.count("/") > 1}
    assert len(written) >= 4
    secrets = [s3.environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    for path in written:
        content = store._files.filesystem.open_input_file(path.lstrip("/")).read()
        for secret in secrets:
            assert secret.encode() not in content
    s3.close()


def listeners(root):
    """Addresses, as the kernel writes them, on which a process and those it started listen."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int(
                (path / "stat").read_text().rpartition(") ")[2].split()[1]
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
    ours = {root}
    while more := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= more
    sockets = set()
    for process in ours:
        try:
            for fd in (Path("/proc") / str(process) / "fd").iterdir():
                sockets.update(re.findall(r"socket:\[(\d+)\]", str(fd.readlink())))
        except (FileNotFoundError, ProcessLookupError):
            continue
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets]


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.fixture
def kept():
    """A folder with a short path, where Ray leaves its files when told to."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.slow
def test_a_study_listens_on_loopback_alone_and_no_log_has_a_secret(tmp_path, kept):
    secret = "not-to-be-written-anywhere"
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    process = study(
        *("run", path, "--out", tmp_path),
        env={**os.environ, "AWS_SECRET_ACCESS_KEY": secret, "RAY_TMPDIR": str(kept)},
    )
    store = Store(tmp_path / "small")
    wait_for(lambda: running_process(store), process)
    found = listeners(process.pid)
    out, err = finish(process, 0)
    assert len(found) >= 5, "Ray's processes were seen"
    assert set(found) <= LOOPBACK
    assert secret not in out + err
    sessions = list((kept / "ray").glob("session_2*"))
    assert sessions
    for log in (file for session in sessions for file in session.rglob("*") if file.is_file()):
        assert secret.encode() not in log.read_bytes(), log
