"""Fills in docs/results.md from the tables in analysis/data: `python docs/results.py`, two minutes.

Below each line "`COMMAND` prints:" stands what the command prints. The figures are those that
`analysis figures` draws of the same tables.
"""

import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import atlas
import pace
import vl_convert

import analysis
from analysis.charts.theme import specification
from analysis.report.question_figures import question_figures

DOCS = Path(__file__).parent
ROOT = DOCS.parent
DATA = ROOT / "analysis" / "data"
PAGE = DOCS / "results.md"
PRINTED = re.compile(
    r"(?<=^`)((?:analysis|python) [^`]+)(` prints:\n\n```text\n)(.*?)(?=^```)",
    re.MULTILINE | re.DOTALL,
)
# Which drawings of `analysis figures` the page shows of each table, and of which trials.
SHOWN = {
    "collapse": ("collapse-*", "train_size > 0"),
    "early": ("forecast-n", "train_size > 0"),
    "ungrok": ("ungrok", "train_size > 0"),
    "clock": ("pairs-*-sgd-hinge", pace.WAITING),
}


def printed(command: str) -> str:
    """What a command of `analysis`, or a script, prints in a window of 120 columns."""
    words = shlex.split(command)
    words = [sys.executable, *(words[1:] if words[0] == "python" else ["-m", *words])]
    environment = {"COLUMNS": "120", "NO_COLOR": "1", "PATH": ""}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def filled_in(page: str) -> str:
    """The page with what the commands print now."""
    return PRINTED.sub(lambda found: f"{found[1]}{found[2]}{printed(found[1])}", page)


def figures() -> dict[str, str]:
    """The figures of the page as SVG, by the name of the file in docs/."""
    drawn = {}
    for table, (shown, where) in SHOWN.items():
        trials = analysis.load_trials(DATA / table).query(where)
        for figure in question_figures(DATA / table, trials):
            if fnmatch(figure.name, shown):
                picture = vl_convert.vegalite_to_svg(specification(figure.chart))
                drawn[f"results-{figure.name}.svg"] = picture
    cells = atlas.cell_phases(atlas.with_places(analysis.load_trials(DATA / "atlas")))
    drawn["results-atlas.svg"] = vl_convert.vegalite_to_svg(atlas.atlas_chart(cells).to_dict())
    noisy = analysis.load_trials(DATA / "label_noise").query("label_noise > 0")
    for decay in sorted(noisy["weight_decay"].unique()):
        cells = noisy[noisy["weight_decay"] == decay]
        chart = analysis.phase_diagram(cells, "label_noise", "train_size", "share")
        drawn[f"results-label_noise-{decay:g}.svg"] = vl_convert.vegalite_to_svg(chart.to_dict())
    return drawn


def main() -> int:
    """Write the page and its figures."""
    PAGE.write_text(filled_in(PAGE.read_text("utf-8")), "utf-8")
    for name, picture in figures().items():
        (DOCS / name).write_text(picture, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
