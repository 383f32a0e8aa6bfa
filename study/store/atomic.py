"""Files that appear whole or not at all."""

import os
import secrets
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write under a temporary name beside a file, sync, rename: the old content stays till then.

    The name begins with a dot, which hides it from readers of the folder. Raises OSError.
    """
    # Several threads, or machines with equal process ids, may write one file at a time.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
