"""docs/results.md: every number of a sentence is printed by a command there, and prints again."""

import re

import pandas as pd
import pytest
import results

from analysis import cells, load_trials
from study.spec.file import load_spec
from study.trials.expand import expand

PAGE = results.PAGE.read_text("utf-8")
ELSEWHERE = r"^```text\n.*?^```$|\]\([^)]*\)|`[^`]*`|\d{4}\.\d{5}"  # blocks, links, code, arXiv
NUMBER = r"-?\d+(?:\.\d+)?"
TOLD = r"\d+\.\d+|\d+(?=%)"  # numbers of sentences that are looked for
# Numbers of sentences that no command prints: the designs', what was asked for, three quotients.
OWN = {
    "0.6",
    "0.02",
    "1.5",
    "1.43",
    "1.6",
    "3.4",
    "2.3",
    "0.5",
    "0.9",
    "1.1",
    "0.3",
    "0.003",
    "10",
    "12",
    "98",
}
# The same number in another form: shares as percent, and what an interval of counts allows.
OWN |= {"98", "2", "7", "14", "20", "28", "40", "17", "83"}


def sections():
    """The sections of the page, each with what the commands in it and those of the last print."""
    parts = PAGE.split("\n## ")
    prints = [" ".join(f[3] for f in results.PRINTED.finditer(part)) for part in parts]
    first, *others = zip(parts, prints, strict=True)
    yield first[0], " ".join(prints)
    yield from ((part, f"{printed} {prints[-1]}") for part, printed in others)


@pytest.mark.parametrize(
    ("section", "prints"), list(sections()), ids=lambda text: text.split("\n")[0][:20]
)
def test_the_numbers_of_sentences_are_printed_by_the_commands_below(section, prints):
    prose = re.sub(ELSEWHERE, "", section, flags=re.MULTILINE | re.DOTALL)
    told = set(re.findall(TOLD, prose))
    assert told - set(re.findall(NUMBER, prints)) - set(re.findall(TOLD, prints)) - OWN == set()


@pytest.mark.parametrize(
    "table",
    ["early", "clock", "label_noise", "ungrok", pytest.param("atlas", marks=pytest.mark.slow)],
)
def test_a_table_is_the_bundled_study_whole(table):
    trials = load_trials(results.DATA / table)
    assert set(trials["trial_id"]) == {trial.trial_id for trial in expand(load_spec(table))}


@pytest.mark.slow
def test_the_cells_of_the_atlas_are_those_of_its_trials():
    kept = pd.read_parquet(results.DATA / "atlas_cells.parquet")
    pd.testing.assert_frame_equal(
        kept, cells(load_trials(results.DATA / "atlas")), check_dtype=False
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", [found[1] for found in results.PRINTED.finditer(PAGE)])
def test_a_command_prints_what_the_page_says(command):
    said = {found[1]: found[3] for found in results.PRINTED.finditer(PAGE)}[command]
    now = results.printed(command)
    assert re.sub(rf"{NUMBER}| +", "", now) == re.sub(rf"{NUMBER}| +", "", said)
    numbers = ([float(number) for number in re.findall(NUMBER, text)] for text in (now, said))
    assert next(numbers) == pytest.approx(next(numbers), rel=0.01, abs=0.006)  # processors round
