"""Writes files that appear whole or not at all."""

import os
import secrets
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of a file, or make the file; readers see the old content or the new.

    The content is written under a temporary name in the same folder, synced, and renamed. The
    temporary name begins with a dot, which hides it from readers of the folder.

    Args:
        path: of the file; its folder must exist.
        content: all of it.
    Raises: OSError; the old content is unchanged then.
    """
    # A random name, because threads and machines may write one file at the same time.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
