"""Writes the files that a user asked for."""

from pathlib import Path

from study.errors import StudyError
from study.store.atomic import replace_file


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: of the file.
        content: all of it.

    Raises: StudyError where the folder of the file cannot be written, or the path is a folder.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a folder")
        replace_file(path, content)
    except OSError as error:
        raise StudyError(
            f"{path}: {error.strerror or error}; output is a file in a folder that can be written. "
            "Choose another with -o."
        ) from None
