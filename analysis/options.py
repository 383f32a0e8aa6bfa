"""Arguments and options that several commands of `analysis` have."""

from pathlib import Path
from typing import Annotated

import typer

StorePath = Annotated[str, typer.Argument(metavar="STORE", help="Folder or URL of a study.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PageOption = Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")]
EventOption = Annotated[str, typer.Option(help="memorized, generalized or delay.")]
WhereOption = Annotated[str | None, typer.Option(help="Keep these trials, as in query.")]
XOption = Annotated[str | None, typer.Option(help="Axis across; weight_decay if it varies.")]
YOption = Annotated[str | None, typer.Option(help="Axis up; train_size if it varies.")]

# Of `laws`.
LawOption = Annotated[
    list[str] | None, typer.Option(help="One law, all that can be fitted otherwise. Repeats.")
]
PowersOption = Annotated[
    str | None, typer.Option(help="Powers beside the law's own: a,b. All axes that vary.")
]
RegimeOption = Annotated[
    str | None, typer.Option(help="grokking or comprehension, told by held-aside seeds.")
]
AlikeOption = Annotated[
    str | None, typer.Option(help="Columns of trials that err alike: n,k. All but rate and decay.")
]
DrawsOption = Annotated[
    int, typer.Option("--bootstrap", min=0, help="Resample points so often, too.")
]
SampleOption = Annotated[
    int, typer.Option(min=0, help="Fit so many trials: all seeds of some points. 0: all trials.")
]
SlopeOption = Annotated[
    str | None, typer.Option(help="The slope of this within strata instead, as decay_time.")
]
ScorecardFlag = Annotated[
    bool, typer.Option("--scorecard", help="Test what was published instead.")
]
FiniteSizeFlag = Annotated[
    bool, typer.Option("--finite-size", help="The share that generalizes, for each n, instead.")
]


def names_listed(listed: str | None) -> list[str] | None:
    """The names of an option such as a,b; None where the option is not given."""
    return None if listed is None else [name.strip() for name in listed.split(",")]
