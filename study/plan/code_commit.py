"""Which commit of this program runs, where it runs from a checkout; and versions that differ."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
GIT_SECONDS = 5.0  # timeout of one question to git
SHOWN_LETTERS = 10  # of a commit in a sentence


def code_commit(root: Path = CHECKOUT) -> str:
    """The commit of a checkout, "abc... with changes" where files differ from it, "" for no commit.

    Args:
        root: the folder that should be the top of the checkout. An installed program may lie below
            the checkout of another project, whose commit says nothing.
    """
    try:
        if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return ""
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit} with changes" if changes else commit


def _git(root: Path, *words: str) -> str:
    """What git answers, without the last line break."""
    done = subprocess.run(  # noqa: S603  fixed words
        ["git", "-C", str(root), *words],  # noqa: S607  the user's git
        capture_output=True,
        check=True,
        text=True,
        timeout=GIT_SECONDS,
    )
    return done.stdout.strip()


def version_note(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """A sentence about versions that differ from those of an earlier start; "" where none does.

    Args:
        before: the versions of that start, and its commit; some may not have been noted.
        now: of this start.
    """
    differ = [
        f"{name} {_short(before[name])} (here {_short(mine)})"
        for name, mine in now.items()
        if before.get(name) and mine and before[name] != mine
    ]
    if not differ:
        return ""
    return (
        f"the trials stored already were trained by {', '.join(differ)}; what is trained now joins "
        "them in one store. Choose another --out to keep them apart."
    )


def _short(version: str) -> str:
    """A version as it is; of a commit the first letters."""
    commit, _, changes = version.partition(" ")
    return f"{commit[:SHOWN_LETTERS]} {changes}".rstrip() if len(commit) == 40 else version
