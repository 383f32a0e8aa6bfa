"""The files of a store: bytes on a disk or in a bucket, read and written whole.

A file appears whole or not at all. An operation that fails because the disk is full or the bucket
is out of order is tried again for as long as the store was told to. Every error is a `StoreError`
that names the file and the remedy.
"""

import contextlib
import errno
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

from study.errors import DamagedError, StoreError
from study.store.address import Address
from study.store.atomic import replace_file
from study.store.retry import disk_is_full, is_transient, retry

READS = 5  # how often a small file is read at most, until its content is whole
# How often the AWS client sends one request. Where S3 is out of order, so many attempts take some
# 4 s, pauses included. The client's default sends 31 requests in 6 s. Longer outages are waited for
# by `retry`, which can say what it waits for; the client cannot.
S3_ATTEMPTS = 4

_T = TypeVar("_T")


class Files:
    """The files below one folder or URL. `root` is the path of the folder in `filesystem`."""

    def __init__(
        self, address: Address, retry_seconds: float, say: Callable[[str], None] | None
    ) -> None:
        """Connect to the file system of an address.

        Args:
            address: of the store.
            retry_seconds: how long an operation is tried again while its error is transient.
            say: is called with a sentence about what is waited for.
        Raises: StoreError where the address cannot be that of a store.
        """
        self.address = address
        self._retry_seconds, self._say = retry_seconds, say
        self.filesystem: Any
        try:
            if address.local:
                self.filesystem = pafs.LocalFileSystem()
                self.root = str(Path(address.url).absolute())
            else:
                self.filesystem, self.root = self.retried(lambda: _connected(address.uri))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StoreError(
                f"{address.shown}: {reason(error)}; a store is a folder or an s3:// or gs:// "
                "URL. Check the address.",
                transient=is_transient(error),
            ) from None

    def address_of(self, name: str) -> str:
        """The address of a file, for messages."""
        return f"{self.address.shown}/{name}"

    def get(self, name: str) -> bytes | None:
        """The content of a file; None where there is no such file."""

        def read() -> bytes:
            with self.filesystem.open_input_stream(f"{self.root}/{name}") as stream:
                return bytes(stream.read())

        try:
            return self.retried(read)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (pa.ArrowException, OSError) as error:
            raise self.error(name, error, "Check access.") from None

    def get_json(self, name: str, remedy: str) -> dict[str, object] | None:
        """The JSON object of a small file; None where there is no such file.

        Args:
            name: of the file.
            remedy: what a user can do about a damaged file: the last sentence of the error.
        Raises: DamagedError for a file that is no JSON object.
        """
        for _ in range(READS):
            content = self.get(name)
            if content is None:
                return None
            with contextlib.suppress(ValueError):
                read = json.loads(content)
                if isinstance(read, dict):
                    return read
            # A bucket's file is read to the size it had when it was opened. The content of a file
            # that was replaced meanwhile is cut off.
            time.sleep(0.05)
        raise DamagedError(
            f"{self.address_of(name)}: not JSON; the store keeps its state there. {remedy}"
        )

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole: by renaming on a disk, by one PUT in a bucket."""

        def write() -> None:
            if self.address.local:
                path = Path(self.root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
            else:
                with self.filesystem.open_output_stream(f"{self.root}/{name}") as stream:
                    stream.write(content)

        try:
            self.retried(write)
        except (pa.ArrowException, OSError) as error:
            remedy, rule = _put_remedy(error), "a study writes here"
            raise self.error(name, error, remedy, rule) from None

    def delete(self, name: str) -> None:
        """Delete a file, unless another writer has deleted it already."""
        try:
            with contextlib.suppress(FileNotFoundError):
                self.retried(lambda: self.filesystem.delete_file(f"{self.root}/{name}"))
        except (pa.ArrowException, OSError) as error:
            raise self.error(name, error, "Check access.") from None

    def names(self, folder: str, ending: str) -> list[str]:
        """The names of some files of a folder, sorted.

        Args:
            folder: below the root.
            ending: of the names, such as ".json".
        """
        return sorted(info.base_name for info in self.infos(folder, ending))

    def infos(self, folder: str, ending: str) -> list[Any]:
        """Pyarrow's `FileInfo` of some files of a folder; none where there is no folder.

        The name of a file that is still being written begins with a dot. Such files are left out.

        Args:
            folder: below the root.
            ending: of the names, such as ".json".
        """
        selector = pafs.FileSelector(f"{self.root}/{folder}", allow_not_found=True)
        try:
            listed = self.retried(lambda: self.filesystem.get_file_info(selector))
        except (pa.ArrowException, OSError) as error:
            raise self.error(folder, error, "Check access.") from None
        return [
            info
            for info in listed
            if info.type == pafs.FileType.File
            and info.base_name.endswith(ending)
            and not info.base_name.startswith(".")
        ]

    def folders(self) -> list[str]:
        """The names of the folders below the root, sorted; none where there is no root."""
        selector = pafs.FileSelector(self.root, allow_not_found=True)
        try:
            listed = self.retried(lambda: self.filesystem.get_file_info(selector))
        except (pa.ArrowException, OSError) as error:
            raise self.error("", error, "Check access.") from None
        return sorted(i.base_name for i in listed if i.type == pafs.FileType.Directory)

    def refuse_no_bucket(self) -> None:
        """Raise StoreError where the bucket of this address does not exist."""
        scheme, _, _ = self.address.url.partition("://")
        if scheme not in {"s3", "gs"}:
            return
        bucket = self.root.split("/")[0]
        try:
            missing = self.filesystem.get_file_info(bucket).type == pafs.FileType.NotFound
        except (pa.ArrowException, OSError):
            return  # a key may be allowed to write in a bucket and not to ask for it
        if missing:
            raise StoreError(
                f"{scheme}://{bucket}: no such bucket; a study writes into one that is there. "
                "Make the bucket, or check its name."
            )

    def retried(self, act: Callable[[], _T]) -> _T:
        """What `act` returns, tried again while its error is transient; see `study.store.retry`."""
        return retry(act, self._retry_seconds, say=self._say)

    def error(self, name: str, error: Exception, remedy: str, rule: str = "") -> StoreError:
        """The StoreError for an operation on a file that has failed.

        Args:
            name: of the file or folder.
            error: what the file system raised.
            remedy: what the user can do: the last sentence.
            rule: what the store wanted, where the reason alone does not say it.
        """
        folder = (Path(self.root) / name).parent if name else Path(self.root)
        blocked = getattr(error, "errno", None) in {errno.ENOTDIR, errno.EEXIST}
        if self.address.local and blocked and (file := _file_in_the_way(folder)):
            return StoreError(f"{file}: a file; a store lies in a folder. Choose another place.")
        what = f"{self.address_of(name)}: {reason(error)}"
        message = f"{what}; {rule}. {remedy}" if rule else f"{what}. {remedy}"
        return StoreError(message, transient=is_transient(error))


def _file_in_the_way(folder: Path) -> Path | None:
    """The file that stands where a folder or one above it should be; None without one."""
    return next((path for path in (folder, *folder.parents) if path.is_file()), None)


def reason(error: Exception) -> str:
    """What an error says, on one line and without a full stop."""
    return " ".join(str(error).split()).rstrip(".")


def _connected(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and the path in it."""
    filesystem, root = pafs.FileSystem.from_uri(uri)
    if isinstance(filesystem, pafs.S3FileSystem):
        # `from_uri` takes no retry strategy. Pickling says how to make the same client again.
        _, (options,) = filesystem.__reduce__()
        strategy = pafs.AwsStandardS3RetryStrategy(max_attempts=S3_ATTEMPTS)
        filesystem = pafs.S3FileSystem(**options, retry_strategy=strategy)
    return filesystem, root


def _put_remedy(error: Exception) -> str:
    """What to do where a file cannot be written."""
    if disk_is_full(error):
        return "Make room there, or choose another place with --out."
    if is_transient(error):
        return "See that it answers."
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        return "Use a shorter name, or a shorter --out."
    return "Make the place writable, or choose another with --out."
