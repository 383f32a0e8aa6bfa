"""The page's sections below the diagram, as data: transition times with their laws, circuits.

They take seconds, where `analysis.page_data` takes a moment: a live page renews them seldom.
"""

from typing import Any

import pandas as pd

from analysis import charts
from analysis.grid import TITLES, Ruler, make_grid, make_ruler
from analysis.law_section import Figure, law_section, specifications


def law_state(trials: pd.DataFrame) -> dict[str, Any]:
    """`laws` and `circuits`, charts with their captions, and `laws_html`, the text above them."""
    text, figures = law_section(trials)
    return {
        "laws_html": text,
        "laws": specifications(figures),
        "circuits": specifications(circuit_figures(trials)),
    }


SPARSITY = "final_effective_sparsity_train"


def circuit_figures(trials: pd.DataFrame) -> list[Figure]:
    """Effective sparsity at the end of training along each axis; none where it was not measured."""
    known = trials[trials[SPARSITY].notna() & trials["ended"].isin(["decided", "budget"])]
    if known.empty:
        return []
    rulers = [ruler for ruler in make_grid(known).rulers if len(ruler.labels) > 1]
    rulers = rulers or [make_ruler("setting", known["setting"])]
    return [
        Figure(
            f"Neurons that predict like the whole net: {TITLES[ruler.name]}",
            "A dot is a number of trials, larger where there are more; the line is their median.",
            charts.sparsity(sparsities(known, ruler), ruler),
            ruler.name,
        )
        for ruler in rulers
    ]


def sparsities(trials: pd.DataFrame, ruler: Ruler) -> pd.DataFrame:
    """How often each effective sparsity was found at each position of an axis.

    Columns: `label`, `order` (the position), `neurons`, `trials`, and `median` of the position.
    """
    place = ruler.positions(trials[ruler.name])
    frame = pd.DataFrame({"order": place, "neurons": trials[SPARSITY].to_numpy(int)})
    medians = frame.groupby("order")["neurons"].median()
    counts = frame.value_counts(["order", "neurons"], sort=False).rename("trials").reset_index()
    labels = [ruler.labels[at] for at in counts["order"]]
    return counts.assign(label=labels, median=counts["order"].map(medians))
