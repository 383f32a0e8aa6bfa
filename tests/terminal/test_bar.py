"""Progress: a bar with counts and seconds on a terminal, lines elsewhere, nothing when quiet."""

import re
import sys

import pytest
from on_terminal import shown_on_terminal

from study.terminal.display import Display, StudyProgress

CODE = """if True:
    import time
    from study.terminal.display import Display, StudyProgress
    def progress(done, over=False):
        return StudyProgress(planned=1200, running=1200 - done, done=done, failed=0,
                             generalized=done // 2, rate=1.5, seconds_left=200.0, over=over)
    with Display("quick") as display:
        display.stage("starting Ray")
        time.sleep(1.3)
        display.show(progress(30))
        display.say("[bold] is no style of rich's")
        time.sleep(0.3)
        assert display.stopping()
        display.show(progress(40))
        time.sleep(0.3)
        display.show(progress(1200, over=True))
        display.stage("writing the report")
        time.sleep(0.3)
"""


def on_terminal(**environment):
    """What the code writes to a terminal on stderr."""
    return shown_on_terminal([sys.executable, "-c", CODE], "stderr", **environment)


@pytest.fixture(scope="module")
def usual():
    return on_terminal()


def test_a_bar_shows_stages_with_their_seconds_and_counts_below(usual):
    shown = usual
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "starting Ray 1 s" in words
    assert "30/1,200 trials, 1.5/s, 3 min left" in words
    assert "15 generalized, 1,170 running, 0 failed" in words
    assert "quick: [bold] is no style of rich's" in words
    assert "stopping: packs leave their checkpoints" in words
    assert "writing the report 0 s" in words
    assert "\u2501" in words, "a bar"
    assert words.rstrip().endswith("1,200/1,200 trials"), "the last stage leaves the counts"


def test_a_bar_is_plain_with_no_color_and_ascii_in_the_locale_c(usual):
    colored = re.compile(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[9[0-9]m")
    assert colored.search(usual)
    plain = on_terminal(NO_COLOR="1", LANG="de_DE.UTF-8", LC_ALL="C")
    assert plain.isascii()
    assert not colored.search(plain)


def test_lines_are_for_other_streams(capfd):
    with Display("quick") as display:
        display.stage("starting Ray")
        display.show(StudyProgress(3, 3, 0, 0, 0, 1.5, 200.0))
        display.show(StudyProgress(3, 1, 2, 1, 0, 1.5, 200.0))
        display.show(StudyProgress(3, 0, 3, 3, 0, 1.5, 200.0, over=True))
        display.say("[bold] is no style of rich's")
        assert not display.stopping(), "the line is written elsewhere"
        display.stage("writing the report")
    assert capfd.readouterr().err.splitlines() == [
        "quick: starting Ray",
        "quick: 0/3 trials done, 3 running, 0 generalized, 0 failed, 1.5/s, 3 min left",
        "quick: 3/3 trials done, 0 running, 3 generalized, 0 failed, 1.5/s, 3 min left",
        "quick: [bold] is no style of rich's",
        "quick: writing the report",
    ]


def test_a_quiet_display_shows_no_progress_and_still_says_losses(capfd):
    with Display("quick", quiet=True) as display:
        display.stage("starting Ray")
        display.show(StudyProgress(3, 0, 3, 1, 0, 1.5, 0.0, over=True))
        assert capfd.readouterr().err == ""
        assert not display.stopping()
        display.say("a pack has lost its worker")
    assert capfd.readouterr().err == "quick: a pack has lost its worker\n"


@pytest.mark.parametrize(
    ("locale", "ascii_only"),
    [({"LANG": "C"}, True), ({"LANG": "C.UTF-8"}, False), ({}, False), ({"LC_ALL": "POSIX"}, True)],
)
def test_the_locale_c_is_ascii_only(monkeypatch, locale, ascii_only):
    from study.terminal.paint import only_ascii

    for name in ("LANG", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert only_ascii() is ascii_only
