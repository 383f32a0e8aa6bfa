"""What twenty libraries raise: for each, a function that raises it, and how the one line begins."""

import errno
import json
import sqlite3
import tomllib
import zipfile

import typer

from study.errors import StoreError


class OddError(Exception):
    """An exception whose message is itself an error."""

    def __str__(self):
        raise RuntimeError("no message either")


def altair_error():
    import altair

    altair.Chart("t.csv").mark_point(opacity="much").to_dict()


def arrow_error():
    import pyarrow

    pyarrow.array([1]).cast(pyarrow.int8()).cast(pyarrow.string()).cast(pyarrow.date32())


def arrow_file_error():
    from pyarrow import fs

    fs.LocalFileSystem().open_input_file("/no/such/file")


def click_error():
    raise typer.BadParameter("a parameter of another command line")


def client_error():
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "SlowDown", "Message": "Please <b>wait</b>"}}, "PutObject")


def endless():
    return endless()


def group():
    raise ExceptionGroup("two at once", [ValueError("the first"), StoreError("the second")])


def http_error():
    from starlette.exceptions import HTTPException

    raise HTTPException(418)


def linear_error():
    import numpy as np

    np.linalg.inv(np.zeros((2, 2)))


def parser_error():
    import io

    import pandas as pd

    pd.read_csv(io.StringIO("a,b\n1,2,3\n1,2,3,4\n"), sep=",", engine="python")


def pydantic_error():
    from study.spec.models import StudySpec

    StudySpec.model_validate({"name": 3})


def rich_error():
    from rich.markup import render

    render("[/bold]")


def yaml_error():
    import yaml

    yaml.safe_load("a: [1, 2")


def raiser(path, *arguments):
    """Raise a library's exception, named by its dotted path."""
    module, name = path.rsplit(".", 1)

    def throw():
        import importlib

        kind = getattr(importlib.import_module(module), name)
        raise kind(*arguments)

    return throw


def builtin(error):
    def throw():
        raise error

    return throw


# What raises the error, and a part of the line.
ESCAPES = {
    "altair": (altair_error, "SchemaValidationError: "),
    "arrow": (arrow_error, "pyarrow.lib.Arrow"),
    "arrow files": (arrow_file_error, "FileNotFoundError: [Errno 2]"),
    "arrow memory": (raiser("pyarrow.ArrowMemoryError", "malloc of 9 failed"), "more memory than"),
    "aiohttp": (raiser("aiohttp.ServerDisconnectedError"), "Server disconnected"),
    "botocore": (client_error, "ClientError: An error occurred (SlowDown)"),
    "empty": (builtin(KeyError()), "KeyError: it has no message;"),
    "exit": (builtin(SystemExit("a library gave up")), "SystemExit: a library gave up"),
    "full disk": (builtin(OSError(errno.ENOSPC, "No space", "/a/b")), "/a/b'; a disk is full."),
    "group": (group, "ExceptionGroup: two at once (2 sub-exceptions)"),
    "group of one": (builtin(ExceptionGroup("alone", [ValueError("it")])), "error: ValueError: it"),
    "grpc": (raiser("grpc.RpcError", "channel closed"), "grpc.RpcError: channel closed"),
    "import": (raiser("study.no_such_module.name"), "No module named 'study.no_such_module'; a li"),
    "json": (lambda: json.loads("{"), "json.decoder.JSONDecodeError: Expecting"),
    "linear algebra": (linear_error, "LinAlgError: Singular matrix"),
    "long": (builtin(ValueError("word" * 1000)), "wordword...; this"),
    "memory": (builtin(MemoryError()), "MemoryError: it has no message; this needs more memory"),
    "odd": (builtin(OddError()), "OddError: its message cannot be shown;"),
    "open files": (builtin(OSError(errno.EMFILE, "Too many open files")), "ulimit -n"),
    "optuna": (raiser("optuna.exceptions.StorageInternalError", "gone"), "StorageInternalError: "),
    "pandas": (parser_error, "pandas.errors.ParserError: "),
    "permission": (builtin(PermissionError(errno.EACCES, "denied", "/root")), "may write to"),
    "pydantic": (pydantic_error, "ValidationError: 2 validation errors for StudySpec name"),
    "pipe": (builtin(BrokenPipeError(errno.EPIPE, "Broken pipe")), "BrokenPipeError: "),
    "ray": (raiser("ray.exceptions.RaySystemError", "lost"), "RaySystemError: System error: lost"),
    "ray in time": (raiser("ray.exceptions.GetTimeoutError", "late"), "GetTimeoutError: late"),
    "recursion": (endless, "RecursionError: maximum recursion depth"),
    "requests": (raiser("requests.exceptions.SSLError", "old"), "requests.exceptions.SSLError: "),
    "rich": (rich_error, "rich.errors.MarkupError: "),
    "sqlalchemy": (raiser("sqlalchemy.exc.NoSuchTableError", "t"), "NoSuchTableError: t"),
    "sqlite": (lambda: sqlite3.connect("/no/such/folder/x"), "sqlite3.OperationalError: unable"),
    "starlette": (http_error, "HTTPException: 418"),
    "toml": (lambda: tomllib.loads("a ="), "tomllib.TOMLDecodeError: Invalid value"),
    "torch": (raiser("torch.OutOfMemoryError", "CUDA"), "torch.OutOfMemoryError: CUDA; this needs"),
    "unicode": (b"\xff".decode, "UnicodeDecodeError: 'utf-8' codec"),
    "weird": (builtin(ValueError("\x1b[2J\u202eb\0\ud800\r\nc")), r"\x1b[2J\u202eb\x00\ud800 c"),
    "yaml": (yaml_error, "yaml.parser.ParserError: while parsing"),
    "zip": (lambda: zipfile.ZipFile(__file__), "zipfile.BadZipFile: File is not a zip file"),
}  # fmt: skip
