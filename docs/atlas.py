"""The atlas in numbers and as one map; `python docs/atlas.py` prints the numbers.

Dataset sizes of different n and k are compared by their *place*, the rank from 0 to 11: the study
chose them as multiples, from 0.5 to 8, of the rows at which half of a pilot's networks generalized.
"""

import sys
from pathlib import Path

import altair as alt
import pandas as pd

import analysis
from analysis.charts.theme import named
from analysis.phases.palette import PHASE_COLORS

DATA = Path(__file__).parents[1] / "analysis" / "data" / "atlas"
AXES = ["k", "n", "width", "weight_decay", "place"]
NAMES = {"n": "n", "width": "width", "weight_decay": "weight decay", "place": "rows"}
FIRST_PLACE = 0.5  # the smallest dataset size, over the rows at which half of a pilot generalized


def with_places(trials: pd.DataFrame) -> pd.DataFrame:
    """Classified trials with `place`, from 0 to 11: the rank of the dataset size at its k and n."""
    labeled = analysis.classify(trials)
    rank = labeled.groupby(["k", "n"])["train_size"].rank("dense")
    return labeled.assign(place=rank.astype(int) - 1)


def cell_phases(labeled: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell: its axes, `phase`, the most frequent one, and `grokking`, its share."""
    counts = labeled.groupby([*AXES, "phase"], observed=True).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0)
    frame = pd.DataFrame({"phase": counts.idxmax(axis=1), "grokking": shares["grokking"]})
    return frame.reset_index()


def agreement(cells: pd.DataFrame, axis: str) -> float:
    """How often cells that are neighbors along an axis, and agree in the others, have one phase."""
    others = [name for name in AXES if name != axis]
    ordered = cells.sort_values([*others, axis])
    before = ordered.groupby(others)["phase"].shift()
    return float((before == ordered["phase"])[before.notna()].mean())


def step_of(cells: pd.DataFrame) -> float:
    """The factor from one dataset size to the next: each pair of n and k spans a factor of 16."""
    return float(16 ** (1 / cells["place"].max()))


def mixed_places(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells at weight decays and places where not all n and widths have one phase."""
    phases = cells.groupby(["weight_decay", "place"])["phase"].transform("nunique")
    return cells[phases > 1]


def both_grok(cells: pd.DataFrame, axis: str) -> float:
    """Of neighbors along an axis of which one groks, how often both do."""
    others = [name for name in AXES if name != axis]
    groks = cells.sort_values([*others, axis]).assign(groks=lambda c: c["phase"] == "grokking")
    before = groks.groupby(others)["groks"].shift().astype("boolean")
    either = (before | groks["groks"]).fillna(value=False) & before.notna()
    return float((before & groks["groks"])[either].mean())


def lines(labeled: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    """What the atlas shows, a line for each number."""
    said = [f"{len(labeled):,} trials in {len(cells):,} cells"]
    factor = step_of(cells)
    for k, part in labeled.groupby("k"):
        shares = part["phase"].value_counts(normalize=True)
        words = ", ".join(f"{shares.get(phase, 0):.1%} {phase}" for phase in PHASE_COLORS)
        said.append(f"k = {k}: {words}")
    for k, part in cells.groupby("k"):
        grok = part[part["phase"] == "grokking"]
        places = FIRST_PLACE * factor ** grok["place"].quantile([0.05, 0.95])
        decays = grok["weight_decay"].quantile([0.05, 0.95])
        said.append(
            f"k = {k}: {len(grok)} of {len(part)} cells grok; nine tenths of them have "
            f"{places.iloc[0]:.2f} to {places.iloc[1]:.2f} times the pilot's rows and weight "
            f"decays of {decays.iloc[0]:.3f} to {decays.iloc[1]:.3f}"
        )
    for k, part in cells.groupby("k"):
        words = ", ".join(f"{agreement(part, axis):.0%} along {NAMES[axis]}" for axis in NAMES)
        said.append(f"k = {k}: neighbors of one phase: {words}")
        mixed = mixed_places(part)
        agree, both = (
            [f"{measure(cells_of, axis):.0%} along {axis}" for axis in ("n", "width")]
            for measure, cells_of in ((agreement, mixed), (both_grok, part))
        )
        lost = part.groupby("weight_decay")["phase"].agg(lambda one: (one == "confusion").mean())
        said += [
            f"k = {k}: {1 - len(mixed) / len(part):.0%} of cells lie where all n and widths agree",
            f"k = {k}: elsewhere neighbors of one phase: {', '.join(agree)}",
            f"k = {k}: of neighbors of which one groks, both do: {', '.join(both)}",
            f"k = {k}: most cells are confusion from decay {lost.index[lost > 0.5].min():.3f} on",
        ]
    return said


def atlas_chart(cells: pd.DataFrame) -> alt.FacetChart:
    """A map for each pair of n and k: the most frequent phase of four widths."""
    pooled = cells.groupby(["k", "n", "weight_decay", "place"])["phase"]
    rows = pooled.agg(lambda phases: phases.mode().iloc[0]).reset_index()
    rows["times"] = (FIRST_PLACE * step_of(cells) ** rows["place"]).map("{:.2g}".format)
    rows["decay"] = rows["weight_decay"].map("{:.2g}".format)
    times = rows.sort_values("place")["times"].unique().tolist()
    decays = rows.sort_values("weight_decay")["decay"].unique().tolist()
    phases = alt.Scale(domain=list(PHASE_COLORS), range=list(PHASE_COLORS.values()))
    across = alt.Axis(values=[decays[0], decays[6], decays[-1]], labelAngle=0)
    up = alt.Axis(values=[times[0], times[3], times[6], times[-1]])
    base = (
        alt.Chart(named("cells", rows))
        .mark_rect(aria=False)
        .encode(
            x=alt.X("decay:O", title="weight decay", sort=decays, axis=across),
            y=alt.Y("times:O", title="rows / pilot's", sort=times[::-1], axis=up),
            color=alt.Color("phase:N", scale=phases, legend=alt.Legend(orient="top", title=None)),
        )
        .properties(width=110, height=110)
    )
    return base.facet(column=alt.Column("n:O", title="n"), row=alt.Row("k:O", title="k"))


def main() -> int:
    """Print the numbers."""
    labeled = with_places(analysis.load_trials(DATA))
    sys.stdout.writelines(f"{line}\n" for line in lines(labeled, cell_phases(labeled)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
