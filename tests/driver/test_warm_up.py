"""The driver waits until workers have loaded, but neither for ever nor after an interrupt."""

import os
import time
from pathlib import Path

from study.driver import warm_up


def test_each_worker_that_has_loaded_leaves_a_file(monkeypatch):
    monkeypatch.delenv(warm_up.READY_VARIABLE, raising=False)
    monkeypatch.setattr(warm_up, "WARM_SECONDS", 60)
    with warm_up.loading() as workers:
        folder = Path(os.environ[warm_up.READY_VARIABLE])
        (folder / "1").touch()
        workers.wait(1, lambda: False)
        workers.wait(2, (folder / "2").touch)  # it says None, and a second worker has come
        workers.wait(9, lambda: True)
    assert warm_up.READY_VARIABLE not in os.environ
    assert not folder.exists()


def test_a_study_begins_without_a_worker_that_does_not_load(monkeypatch):
    monkeypatch.setattr(warm_up, "WARM_SECONDS", 0.1)
    began = time.monotonic()
    with warm_up.loading() as workers:
        workers.wait(1, lambda: False)
    assert time.monotonic() - began < 30
