"""The commands of `analysis` for the studies that ask a question; `analysis.cli` has the others."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.options import (
    EventOption,
    JsonFlag,
    PageOption,
    StorePath,
    WhereOption,
    XOption,
    YOption,
)
from study.terminal.arguments import OpenFlag
from study.terminal.browser import open_page
from study.terminal.console import json_answer, note, text_answer


def collapse(store: StorePath, *, where: WhereOption = None, as_json: JsonFlag = False) -> bytes:
    """Whether delayed generalization is one curve in rows / N_c, with a critical dataset size.

    For each k: the form of the wait and N_c = c n^a width^w, the largest n predicted from the
    smaller n, and the rows at which half generalize, by patience.
    """
    from analysis.text.asked import asked_trials
    from analysis.text.collapse_text import collapse_answer

    answer = collapse_answer(asked_trials(store, where))
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def pairs(
    store: StorePath,
    *,
    event: EventOption = "generalized",
    where: WhereOption = None,
    as_json: JsonFlag = False,
) -> bytes:
    """Compare the times of points that agree in learning_rate x weight_decay.

    Ratios of medians with intervals over seeds, equivalence tests within 10%, and the mean ratio
    of each setting.
    """
    from analysis.text.asked import asked_trials
    from analysis.text.pairs_text import pairs_answer

    answer = pairs_answer(asked_trials(store, where), event)
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def forecast(store: StorePath, *, where: WhereOption = None, as_json: JsonFlag = False) -> bytes:
    """Foretell at memorizing, and at 2 and 5 times that epoch, when a net will generalize.

    Concordance on the largest n and on half of the seeds, which are held out; for each measure,
    with and without test accuracy.
    """
    from analysis.tables.frames import load_readings
    from analysis.text.asked import asked_trials
    from analysis.text.forecast_text import forecast_answer

    trials = asked_trials(store, where)
    answer = forecast_answer(trials, load_readings(store, trials))
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def ungrok(store: StorePath, *, where: WhereOption = None, as_json: JsonFlag = False) -> bytes:
    """On how few rows nets that have generalized keep what they know, and how many new nets need.

    For a study with [data] fewer_rows: shares that know at the end, the rows at half, and the
    ratio of grokked nets over new ones.
    """
    from analysis.text.asked import asked_trials
    from analysis.text.ungrok_text import ungrok_answer

    answer = ungrok_answer(asked_trials(store, where))
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)


def compare(
    store: Annotated[str, typer.Argument(metavar="A", help="Folder or URL of a study.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Of the other study; A if it is left out.")
    ] = None,
    *,
    where: Annotated[
        str | None, typer.Option(help="Keep these trials of A; of B, too, without --with.")
    ] = None,
    other_where: Annotated[
        str | None, typer.Option("--with", help="Keep these trials of B, as in query.")
    ] = None,
    settings: Annotated[
        tuple[str, str] | None,
        typer.Option(help="The labels of two settings, A's and B's.", metavar="A B"),
    ] = None,
    output: PageOption = Path("compare.html"),
    x: XOption = None,
    y: YOption = None,
    browse: OpenFlag = False,
    as_json: JsonFlag = False,
) -> bytes:
    """Compare two studies, or two filters or settings of one: what changed from A to B.

    Shares and median epochs with 95% intervals, in pairs where A and B share their data. OUTPUT has
    both phase diagrams and their difference by cell.
    """
    from analysis.figures.compare_page import write_comparison
    from analysis.questions.sides import SideRequest
    from analysis.text.asked import say_standing
    from analysis.text.contrast_text import compared, contrast_answer

    found = compared(SideRequest(store, other, where, other_where, settings))
    for side in dict.fromkeys((store, other or store)):
        say_standing(side, side if other else "")
    write_comparison(found, output, x, y)
    note(str(output))
    if browse:
        open_page(output)
    answer = contrast_answer(found)
    return json_answer(answer.content) if as_json else text_answer(*answer.lines)
