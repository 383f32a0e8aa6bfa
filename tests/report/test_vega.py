"""The script that draws charts is made once, and read from the user's cache after that."""

import subprocess
import sys

import pytest
import vl_convert

from analysis.report import vega


@pytest.fixture
def made(tmp_path, monkeypatch):
    """How often the bundle was made, in a cache of its own."""
    calls = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda text: calls.append(text) or "code")
    return calls


def test_it_is_made_once_and_then_cached(made):
    assert vega.vega_script() == "(()=>{\ncode\n})()"
    assert vega.vega_script() == "(()=>{\ncode\n})()"
    assert made == ["window.vegaEmbed = vegaEmbed;"]


def test_without_a_cache_it_is_made_each_time(made, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert vega.vega_script() == vega.vega_script()
    assert len(made) == 2


def test_it_is_prepared_in_another_process_unless_it_is_cached(made, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    vega.prepare_script()
    assert commands == [[sys.executable, "-P", "-m", "analysis.report.vega"]]
    vega.vega_script()
    vega.prepare_script()
    assert len(commands) == 1
