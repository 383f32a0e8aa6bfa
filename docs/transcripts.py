"""Runs the transcripts of README.md and docs/ again, and writes what the commands print now.

`python docs/transcripts.py README.md docs/tutorial.md` runs the pages that are named, or all that
have transcripts. A page is one session in a fresh folder under build/transcripts. A fenced block
after the words "Save this as `NAME`" is a file of that session. In a block ```console a line that
begins with "$ " is a command, one that begins with "# " a remark, and the rest is what the command
prints; "..." stands for lines that are left out. Numbers move from run to run: a transcript is
rewritten where more than its numbers changed, or all of it with `--numbers`. Where its words
changed, all lines are written, and whoever edits the page leaves some out again. A picture that a
session draws replaces the one of its name in docs/.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SESSIONS = ROOT / "build" / "transcripts"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"[Ss]ave\s+this\s+as\s+`([\w.-]+)`")
PROGRESS = re.compile(r"^.*\d+/\d+ trials done.*\n", re.MULTILINE)
# Ids of trials and all numbers depend on the processor; times and rates on the hour.
MOVES = re.compile(r"\b[0-9a-f]{8,20}\b|[-+]?\d[\d,.]*(?:e[-+]?\d+)?|[█▉▊▋▌▍▎▏]+")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the text before it."""

    language: str
    text: str
    before: str


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    found, end = [], 0
    for match in FENCED.finditer(page):
        found.append(Block(match[1], match[2], page[end : match.start()]))
        end = match.end()
    return found


def commands_in(block: Block) -> list[tuple[str, str]]:
    """The commands of a transcript, each with what it is said to print."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    lines = (part.partition("\n") for part in parts)
    return [
        (command, re.split(r"\n*^# ", said, maxsplit=1, flags=re.MULTILINE)[0])
        for command, _, said in lines
    ]


def saved_as(block: Block) -> str | None:
    """The name of the file that a block is to be saved as; None for other blocks."""
    names = SAVED.findall(block.before)
    return names[-1] if names and block.language != "console" else None


def printed(command: str, folder: Path) -> str:
    """All that a command prints, to stdout and stderr, in a window of 120 columns."""
    here = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{here['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**here, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def without_numbers(line: str) -> str:
    """What a line says, without what moves from run to run."""
    return " ".join(MOVES.sub("#", line).split())


def retold(said: str, now: str) -> str | None:
    """A transcript with the numbers of now; None where more than numbers changed.

    Lines of progress are left out of what is compared, since their count moves, too.

    Args:
        said: what a page says that a command prints.
        now: what it prints.
    """
    lines = PROGRESS.sub("", now).rstrip("\n").splitlines()
    found: list[str] = []
    at = 0
    for index, chunk in enumerate(re.split(r"^\.\.\.$\n?", said.rstrip("\n"), flags=re.MULTILINE)):
        wanted = [without_numbers(line) for line in PROGRESS.sub("", chunk).splitlines()]
        starts = range(at, len(lines) - len(wanted) + 1) if index else [0]
        fits = [s for s in starts if [*map(without_numbers, lines[s : s + len(wanted)])] == wanted]
        if not fits:
            return None
        found += ["..."] * (index > 0) + lines[fits[0] : fits[0] + len(wanted)]
        at = fits[0] + len(wanted)
    whole = at == len(lines) or said.rstrip("\n").endswith("...")
    return "\n".join(found) if whole else None


def played(page: str, folder: Path) -> list[tuple[str, str, str]]:
    """Run a page as one session: each command, what the page says it prints, what it prints."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = []
    for block in blocks_of(page):
        name = saved_as(block)
        if name:
            (folder / name).write_text(block.text, "utf-8")
        if block.language == "console":
            lines += [(typed, said, printed(typed, folder)) for typed, said in commands_in(block)]
    return lines


def rewritten(path: Path, *, numbers: bool) -> str:
    """The page with what its commands print now."""
    page = path.read_text("utf-8")
    for command, said, now in played(page, SESSIONS / path.stem):
        same = retold(said, now)
        if numbers or same is None:
            told = now if same is None else same
            new = f"$ {command}\n{told}".rstrip("\n")
            page = page.replace(f"$ {command}\n{said}".rstrip("\n"), new, 1)
    for drawn in (SESSIONS / path.stem).glob("*.svg"):
        if (ROOT / "docs" / drawn.name).exists():
            shutil.copy(drawn, ROOT / "docs")
    return page


def all_pages() -> list[Path]:
    """README.md and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def pages_with_transcripts() -> list[Path]:
    """The pages that have transcripts."""
    return [path for path in all_pages() if "```console\n" in path.read_text("utf-8")]


def main() -> int:
    """Rewrite the pages that were named, or all."""
    parser = argparse.ArgumentParser(description="Run the transcripts of the docs again.")
    parser.add_argument("pages", nargs="*", type=Path, default=pages_with_transcripts())
    parser.add_argument("--numbers", action="store_true", help="write new numbers, too")
    asked = parser.parse_args()
    for path in asked.pages:
        path.write_text(rewritten(path, numbers=asked.numbers), "utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
