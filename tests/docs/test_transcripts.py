"""What the transcripts of README.md and docs/ say is what the commands print."""

import pytest
import transcripts

# These train, or start a process for each of many lines.
SLOW = {"README.md", "how-to.md", "troubleshooting.md", "tutorial.md"}


@pytest.mark.timeout(900)  # a minute or two on idle cores
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.name, marks=[pytest.mark.slow] * (path.name in SLOW))
        for path in transcripts.pages_with_transcripts()
    ],
)
def test_a_transcript_is_what_its_commands_print(path, tmp_path):
    lines = transcripts.played(path.read_text("utf-8"), tmp_path / "session")
    assert lines
    for command, said, now in lines:
        assert transcripts.retold(said, now) is not None, f"$ {command}\n{now}"


def test_a_change_of_words_is_seen_and_a_change_of_numbers_is_not():
    assert transcripts.retold("grokking 72 21%\n", "grokking   118 4%\n") == "grokking   118 4%"
    assert transcripts.retold("grokking 72\n", "confusion 72\n") is None
    assert transcripts.retold("grokking 72\n", "grokking 72\nflags: none\n") is None


def test_dots_stand_for_lines_left_out():
    now = "quick: starting Ray\nquick: 50/350 trials done\ngrokking 71\n\nnext:\n  study status\n"
    assert transcripts.retold("...\ngrokking 72\n...\n", now) == "...\ngrokking 71\n..."
    assert transcripts.retold("...\nconfusion 72\n...\n", now) is None
    assert transcripts.retold("...\ngrokking 72\n", now) is None


def test_a_remark_is_not_what_a_command_prints():
    [block] = transcripts.blocks_of("```console\n# Why?\n$ one\n1\n\n# How?\n$ two\n2\n```\n")
    assert transcripts.commands_in(block) == [("one", "1"), ("two", "2\n")]


def test_a_block_may_be_a_file_of_the_session(tmp_path):
    page = (
        "Save\nthis as `x.toml`:\n\n```toml\na = 1\n```\n\n```console\n$ cat x.toml\na = 1\n```\n"
    )
    [(command, said, now)] = transcripts.played(page, tmp_path / "session")
    assert (command, said, now) == ("cat x.toml", "a = 1\n", "a = 1\n")
