"""The commands of `study` for study files, and the list of studies; `study.cli` has the others."""

from pathlib import Path
from typing import Annotated

import typer

from study.errors import UsageError
from study.terminal.arguments import JsonOption, SetOption
from study.terminal.console import json_answer, note, text_answer
from study.terminal.usage import as_typed


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the study.")] = "first",
) -> bytes:
    """Write a small study file with comments, NAME.toml, to change and to run."""
    from study.spec.new_file import write_new_file

    path = write_new_file(name)
    study = as_typed("study")
    return text_answer(str(path), "next:", f"  {study} plan {path}", f"  {study} run {path}")


def show(
    source: Annotated[
        str,
        typer.Argument(metavar="SPEC|STORE", help="A study file, a bundled name, or a store."),
    ],
    sets: SetOption = None,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="The file as it is, with its comments.")
    ] = False,
    as_json: JsonOption = False,
) -> bytes:
    """Print a study in full, every key with the value in force; the answer is a study file."""
    from study.spec.file import load_spec, study_text
    from study.spec.toml_text import toml_text
    from study.store.manifest import stored_spec
    from study.store.store import Store

    of_store = "://" in source or (Path(source).expanduser() / "study.json").is_file()
    if as_written and (of_store or as_json or sets):
        raise UsageError(
            f"--as-written: {source}; only a study file has a text of its own, without --set and "
            "--json. Leave --as-written out."
        )
    if as_written:
        return study_text(source).encode()
    if of_store and sets:
        raise UsageError(
            f"--set: {source}; a store's study is what it was run with. Leave --set out."
        )
    spec = stored_spec(Store.open(source)) if of_store else load_spec(source, tuple(sets or ()))
    return json_answer(spec.model_dump(mode="json")) if as_json else toml_text(spec).encode()


def schema() -> bytes:
    """Print the JSON schema of study files: with it, editors complete and check them."""
    from study.spec.file_schema import SCHEMA_FILE, SCHEMA_LINE, file_schema

    note(f"> {SCHEMA_FILE} saves it; then a study file's first line is {SCHEMA_LINE}")
    return json_answer(file_schema())


def list_studies(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Where stores are: a folder or a URL.")
    ] = "runs",
    as_json: JsonOption = False,
) -> bytes:
    """The studies of a folder: how many of their trials are stored, and when that changed last."""
    from study.plan.studies import studies_in, study_lines

    studies = studies_in(folder, lambda words: note(f"warning: {words}"))
    if as_json:
        return json_answer([line.to_json() for line in studies])
    return text_answer(*study_lines(studies))
