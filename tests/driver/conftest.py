"""For the driver's tests: a small study file, and a head that stands in for a cluster's."""

import pytest
from stand_in_head import StandInHead

from study import cli
from study.driver import jobs, jobs_api

TINY = """
name = "tiny"
seeds = 3
[axes]
n = 20
k = 2
width = 24
train_size = [60, 120]
weight_decay = [0.01, 0.1]
[budget]
epochs = 60
"""


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(jobs_api, "NOTE_SECONDS", 0.1)
    monkeypatch.setattr(jobs_api, "RETRY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "LOST_SECONDS", 0.3)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def run(run_main):
    """Run `study`; gives its exit code, its stdout and its stderr as text."""

    def run(*typed):
        code, out, err = run_main(cli.main, *typed)
        assert "Traceback (" not in err
        return code, out.decode(), err

    return run


@pytest.fixture
def there():
    """A head that works."""
    with StandInHead() as standing:
        yield standing
