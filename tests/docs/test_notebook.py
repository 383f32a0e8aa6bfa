"""The notebook of examples/ runs from its first cell to its last, and its charts are drawn."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
import transcripts
from nbclient import NotebookClient

NOTEBOOK = transcripts.ROOT / "examples" / "first_look.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert any("alt.renderers.enable" in cell.source for cell in notebook.cells)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_runs_and_draws_its_charts(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=200, kernel_name="python3", resources=resources).execute()
    data = [
        output.get("data", {})
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert sum("image/svg+xml" in shown for shown in data) == 7
    assert data[-1]["text/plain"] == "True"  # the replay was exact
    assert (tmp_path / "delay.svg").stat().st_size > 1000
