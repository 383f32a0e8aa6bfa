"""Help in one style, whole and in ASCII; completion of commands; pages in a browser."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import analysis.cli
import study.cli
from study.terminal.browser import open_page

PROGRAMS = {"study": study.cli, "analysis": analysis.cli}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_shows_every_command_with_its_whole_first_sentence(run_main, program):
    main, app = PROGRAMS[program].main, PROGRAMS[program].app
    code, out, err = run_main(main, "--help")
    assert (code, err) == (0, "")
    assert out.isascii()
    shown = " ".join(out.decode().split())
    for name, command in typer.main.get_command(app).commands.items():
        first = " ".join(command.help.partition("\n\n")[0].split())
        assert f"{name} {first}" in shown
        assert run_main(main, name, "--help")[1].isascii()
    headings = re.findall(r"^(\w.*):$", out.decode(), re.MULTILINE)
    assert "Commands" not in headings, "each command has a section"
    assert len(headings) >= 4


@pytest.mark.parametrize(
    ("program", "typed", "completed"),
    [
        ("study", "study sta", ["status"]),
        ("analysis", "analysis phases --pat", ["--patience"]),
    ],
)
def test_a_shell_completes_commands_and_options(program, typed, completed):
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    asked[f"_{program.upper()}_COMPLETE"] = "complete_bash"
    command = Path(sys.executable).parent / program
    done = subprocess.run(
        [command], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (completed, "")


def test_a_page_is_opened_or_its_address_said(monkeypatch, capsys, tmp_path):
    opened = []
    monkeypatch.setattr(
        "webbrowser.open", lambda address: opened.append(address) or len(opened) < 3
    )
    open_page(tmp_path / "a b.html")
    open_page("http://127.0.0.1:8000/")
    assert opened == [f"file://{tmp_path}/a%20b.html", "http://127.0.0.1:8000/"]
    assert capsys.readouterr().err == ""
    open_page(tmp_path / "page.html")
    assert capsys.readouterr().err == f"no browser here: file://{tmp_path}/page.html\n"
