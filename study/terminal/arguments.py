"""The arguments and options that several commands of `study` share, each with its help."""

from typing import Annotated

import typer

SpecArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="A study file, or a bundled name.")
]
StoreArgument = Annotated[
    str, typer.Argument(metavar="STORE", help="The store of a study: a folder or a URL.")
]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="The job that `study submit` printed.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Override a key: axes.width=[100,200]. May repeat.", metavar="KEY=VALUE"
    ),
]
OutOption = Annotated[str, typer.Option(help="Where stores are: the study's is OUT/<name>.")]
ClusterOption = Annotated[
    str | None, typer.Option(help="The yaml file of a cluster that `ray up` started.")
]
JobsOption = Annotated[
    str | None, typer.Option(help="Where a head answers: http://127.0.0.1:8265.", metavar="URL")
]
QuietFlag = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress: only warnings, and the answer.")
]
OpenFlag = Annotated[bool, typer.Option("--open", help="Open the page in a browser, too.")]
ServeFlag = Annotated[
    bool,
    typer.Option(
        "--serve",
        help="Show the live page, too: on a terminal until Ctrl-C, else until the end; with "
        "--open in a browser.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
