"""What docs/results.md tells as "afterwards": numbers that were not fixed before the studies ran.

`python docs/afterwards.py` prints them, from the tables in analysis/data, in a minute.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import analysis
from analysis.laws.verdicts import bounds_in_words
from analysis.questions.concordance import concordance
from analysis.questions.half_rows import HALF_WITHIN, half_rows, outcomes_within, rows_for_half
from analysis.questions.landmarks import at_landmark
from analysis.questions.ungrokking import ungrokking_of

DATA = Path(__file__).parents[1] / "analysis" / "data"
KS = (2, 3, 4)
LONG_WAIT = 3.0  # decay times
KEPT = 0.98  # the accuracy of generalizing


def half_exponents(trials: pd.DataFrame) -> Iterator[str]:
    """How the rows at half go with n, for each k and patience, and how patience moves them."""
    for k in KS:
        found = half_rows(trials[trials["k"] == k])
        for patience in HALF_WITHIN:
            rows = found.table[found.table["patience"] == patience].dropna(subset=["rows"])
            line = stats.linregress(np.log(rows["n"].astype(float)), np.log(rows["rows"]))
            reach = stats.t.ppf(0.975, len(rows) - 2) * line.stderr
            ends = f"[{line.slope - reach:.2f}, {line.slope + reach:.2f}]"
            yield f"k = {k}, rows at half within {patience:g}: n^{line.slope:.2f} {ends}"
        moves = ", ".join(f"{row.move:.2f}" for row in found.moves.itertuples())
        yield f"k = {k}, moves with patience from the smallest n to the largest: {moves}"


def width_ratios(trials: pd.DataFrame) -> Iterator[str]:
    """The rows at half within 40 decay times at the largest n: the wider nets' over the others'."""
    for k in KS:
        part = trials[trials["k"] == k]
        part = part[part["n"] == part["n"].max()]
        narrow, wide = (
            rows_for_half(outcomes_within(of_width, HALF_WITHIN[-1]))
            for _, of_width in part.groupby("width", sort=True)
        )
        if narrow is not None and wide is not None:
            ratio = np.exp(wide.estimate - narrow.estimate)
            yield f"k = {k}, largest n: width 200 over 50, rows at half within 40: {ratio:.2f}"


def decay_ratios(trials: pd.DataFrame) -> Iterator[str]:
    """The median wait in decay times at the higher weight decay over that at the lower, by cell."""
    times = trials["learning_rate"] * trials["weight_decay"] * trials["steps_per_epoch"]
    wait = times * (trials["generalized_epoch"] - trials["memorized_epoch"])
    wait = wait.where(trials["generalized_epoch"].notna(), np.inf).astype(float)
    cells = trials.assign(wait=wait).dropna(subset=["memorized_epoch"])
    medians = cells.groupby(["k", "n", "width", "train_size", "weight_decay"])["wait"].median()
    for k in KS:
        pairs = medians[k].unstack().to_numpy()
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        lower, higher = pairs.T
        ratios = [
            np.exp(np.median(np.log(higher[chosen] / lower[chosen])))
            for chosen in ((lower > 0) & (higher > 0), (lower > LONG_WAIT) & (higher > 0))
        ]
        yield (
            f"k = {k}, wait at the higher over the lower weight decay: {ratios[0]:.2f}; "
            f"{ratios[1]:.2f} where the latter is above {LONG_WAIT:g} decay times"
        )


def last_batches(trials: pd.DataFrame) -> Iterator[str]:
    """The shares that generalize around the dataset sizes that leave a last batch of few rows."""
    cells = trials.query("k == 3 and n == 36").groupby("train_size")["generalized_epoch"]
    for rows, epochs in cells:
        share = epochs.notna().mean()
        yield f"k = 3, n = 36, {rows} rows, last batch {rows % 32 or 32}: {share:.0%} generalize"


def order_of_seeds(trials: pd.DataFrame, readings: pd.DataFrame) -> Iterator[str]:
    """How often what a net shows at memorizing orders two seeds of a point, for each n."""
    there = at_landmark(trials, readings, 1.0)
    happened = np.isfinite(there.left.high)
    time = np.where(happened, there.left.high, there.left.low)
    for name in ("test_accuracy", "relevant_share"):
        shares = []
        for n in sorted(there.trials["n"].unique()):
            of = (there.trials["n"] == n).to_numpy(bool)
            group = np.unique(there.point[of], return_inverse=True)[1]
            found = concordance(time[of], happened[of], -there.seen[name][of], group)
            shares.append(f"{found.share:.3f} at n = {n}")
        yield f"{name} at memorizing orders seeds: {', '.join(shares)}"


def kept_labels(trials: pd.DataFrame) -> Iterator[str]:
    """How many of the nets that generalized under flipped labels end as they were then."""
    for decay, part in trials[trials["label_noise"] > 0].groupby("weight_decay"):
        generalized = part[part["generalized_epoch"].notna()]
        below = int((generalized["final_test_accuracy"] < KEPT).sum())
        yield f"weight decay {decay:g}: {below} of {len(generalized)} generalized nets end below"
        most = part[part["train_size"] == part["train_size"].max()]
        for noise, nets in most.groupby("label_noise"):
            kept = int((nets["final_test_accuracy"] >= KEPT).sum())
            once = int(nets["generalized_epoch"].notna().sum())
            memorized = int(nets["memorized_epoch"].notna().sum())
            yield f"  {noise:g} flipped: {once} generalize, {kept} end so, {memorized} memorize"


def kept_at_levels(trials: pd.DataFrame) -> Iterator[str]:
    """Rows at half, grokked over new, if a net knows the parity at a lower accuracy."""
    for level in (0.9, 0.8):
        shifted = trials["final_test_accuracy"] + (KEPT - level)  # the command asks for KEPT
        for one in ungrokking_of(trials.assign(final_test_accuracy=shifted)):
            words = "not determined" if one.ratio is None else bounds_in_words(one.ratio)
            cell = f"k = {one.cell['k']:g}, weight decay {one.cell['weight_decay']:g}"
            yield f"{cell}, above {level:.0%}: grokked over new {words}"
    some = trials[(trials["k"] == 3) & trials["fewer_rows"].isin([180, 200])]
    for since, nets in some.assign(new=some["fewer_from"] == 1).groupby("new"):
        knows = int((nets["final_test_accuracy"] > KEPT + 1e-6).sum())
        begins = "new" if since else "grokked"
        yield f"k = 3, 180 and 200 rows: {knows} of {len(nets)} {begins} nets know"


def main() -> int:
    """Print every number."""
    collapse = analysis.load_trials(DATA / "collapse")
    early = analysis.load_trials(DATA / "early")
    readings = analysis.load_readings(DATA / "early", early)
    for lines in (
        half_exponents(collapse),
        width_ratios(collapse),
        decay_ratios(collapse),
        last_batches(collapse),
        order_of_seeds(early, readings),
        kept_labels(analysis.load_trials(DATA / "label_noise")),
        kept_at_levels(analysis.load_trials(DATA / "ungrok")),
    ):
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
