"""A study for others: its trials as Parquet and CSV, its study file, and a card of what they mean.

The card is README.md, in the form of a data card: what the rows are, columns with units, how phases
are told apart, versions, license, how to make the table again.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.phases.classify import phase_rules
from analysis.tables.exports import FORMATS
from analysis.tables.frames import some_trials
from analysis.tables.meanings import COLUMN_MEANINGS
from analysis.tables.output import write_whole
from analysis.tables.where import COLUMNS, KINDS
from study.errors import StudyError
from study.plan.standing import standing
from study.spec.toml_text import toml_text
from study.store.manifest import Manifest, read_manifest, stored_spec
from study.store.store import Store

FILE = "study.toml"  # beside the tables
NO_LICENSE = "Not stated: ask the authors, or export again with `--license CC-BY-4.0`, or another."


def export_study(store_url: str | Path, folder: Path | None, license_name: str) -> Path:
    """Write both tables, the study file and README.md into a folder; returns the folder.

    Both tables have the stored columns, then `phase` and `delay`.

    Args:
        store_url: path or URL of a store.
        folder: that is new or empty; None: the study's name with _export, in the working folder.
        license_name: of the trials, "" where none is stated.

    Raises: StoreError for the store; StudyError where the folder holds files or cannot be written.
    """
    trials = some_trials(store_url, columns=COLUMNS.names)
    store = Store.open(store_url)
    spec, manifest = stored_spec(store), read_manifest(store)
    folder = folder or Path(f"{spec.name}_export")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = any(folder.iterdir())
    except OSError as error:
        raise StudyError(
            f"{folder}: {error.strerror}; an export is a folder. Choose another with -o."
        ) from None
    if files:
        raise StudyError(
            f"{folder}: not empty; an export overwrites nothing. Choose another folder with -o."
        )
    write_whole(folder / "trials.parquet", FORMATS["parquet"](trials))
    write_whole(folder / "trials.csv", FORMATS["csv"](trials))
    write_whole(folder / FILE, toml_text(spec).encode())
    card = data_card(trials, manifest, license_name, standing(store))
    write_whole(folder / "README.md", card.encode())
    return folder


def data_card(
    trials: pd.DataFrame, manifest: Manifest, license_name: str, cautions: Sequence[str] = ()
) -> str:
    """The card in Markdown.

    Args:
        trials: the rows of the export.
        manifest: of their store.
        license_name: of the trials, "" where none is stated.
        cautions: as `standing` gives them.
    """
    lines = [
        f"# Trials of the study {manifest.spec['name']}",
        "",
        f"{len(trials):,} networks, a row each, in `trials.parquet` and in `trials.csv`: when each",
        "memorized its training rows and when it generalized. Times are epochs. A null time is",
        f"censored: not by the last reading. `{FILE}` is the study, every key in force.",
        *(f"{caution[:1].upper()}{caution[1:]}." for caution in cautions),
        "",
        "## License",
        "",
        license_name or NO_LICENSE,
        "",
        "## Phases",
        "",
        *(f"- `{name}`: {rule}" for name, rule in phase_rules().items()),
        "",
        "## Columns",
        "",
        "| column | holds | unit | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for field in COLUMNS:
        meaning = COLUMN_MEANINGS[field.name]
        lines.append(f"| `{field.name}` | {KINDS[field.type]} | {meaning.unit} | {meaning.says} |")
    return "\n".join([*lines, "", *_made_by(manifest)]) + "\n"


def _made_by(manifest: Manifest) -> list[str]:
    """How the trials were made: the commands and the versions that each ran with."""
    lines = [
        "## Made by",
        "",
        "`study run` of that file makes the trials again. They were made by:",
        "",
    ]
    for start in manifest.starts or (manifest,):
        versions = ", ".join(f"{name} {version}" for name, version in start.code.items() if version)
        lines.append(f"- {start.started}: `{start.command}` ({versions or 'versions not noted'})")
    return lines
