"""What a study may use of this machine: its cores, the address of a Ray, a home folder.

The command line checks these before anything slow is loaded.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from study.errors import UsageError

_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s:/]+):\d{1,5}")


def check_address(address: str, where: str = "--address") -> None:
    """Raise UsageError unless an address is one that `study run` can join.

    Args:
        address: should be local, auto or HOST:PORT.
        where: the option or variable that holds the address, for the message.
    """
    scheme, separator, _ = address.partition("://")
    if separator and scheme == "ray":
        raise UsageError(
            f"{where} {address}: the address of a Ray Client; a study runs on a machine of its "
            "cluster. Use --address auto there, or study submit --address http://HOST:8265 here."
        )
    if separator:
        raise UsageError(
            f"{where} {address}: a URL; study run joins a cluster at HOST:PORT. "
            "Use --address auto on a machine of the cluster, or give the URL to study submit."
        )
    if address not in {"local", "auto"} and not _HOST_AND_PORT.fullmatch(address):
        raise UsageError(
            f"{where} {address!r}: not an address of a Ray. "
            "Use local, auto, or HOST:PORT, as in 127.0.0.1:6379."
        )


def cores_for(cpus: int | None, address: str) -> int:
    """How many cores a Ray that the study starts may use.

    Args:
        cpus: the option --cpus; None means all that are usable.
        address: the option --address; --cpus is for "local" alone.

    Raises: UsageError for more cores than are usable here, and for --cpus with another address.
    """
    usable = usable_cores()
    if cpus is None:
        return usable
    if address != "local":
        raise UsageError(
            f"--cpus {cpus}: the cores of a Ray that the study starts itself; the one at "
            f"{address} has its own count. Leave --cpus out, or leave --address out."
        )
    if not 1 <= cpus <= usable:
        raise UsageError(
            f"--cpus {cpus}: not between 1 and {usable}, the number of cores that this process "
            f"may use. Write --cpus {min(max(cpus, 1), usable)}."
        )
    return cpus


def usable_cores() -> int:
    """How many cores this process may use, by its affinity and by the quotas of its cgroups.

    A quota of less than one core counts as one core; other fractions are rounded down.
    """
    affine = getattr(os, "sched_getaffinity", None)  # Linux has it, macOS does not
    cores = len(affine(0)) if affine else os.cpu_count() or 1
    try:
        listing = Path("/proc/self/cgroup").read_text("utf-8")
    except OSError:
        return cores
    return max(1, int(min([cores, *_quotas(listing, Path("/sys/fs/cgroup"))])))


def _quotas(listing: str, mount: Path) -> Iterator[float]:
    """The cores that each cgroup of a process allows, from its own up to the root.

    Args:
        listing: /proc/self/cgroup, which has lines of version 1, of version 2, or of both.
        mount: the folder of cgroups, /sys/fs/cgroup.
    """
    for line in listing.splitlines():
        _, controllers, path = line.split(":", 2)
        version_2 = not controllers
        if not version_2 and "cpu" not in controllers.split(","):
            continue
        root = mount if version_2 else mount / "cpu"
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if not folder.is_relative_to(root):
                break
            try:
                if version_2:
                    quota, period = (folder / "cpu.max").read_text("utf-8").split()
                else:
                    quota = (folder / "cpu.cfs_quota_us").read_text("utf-8")
                    period = (folder / "cpu.cfs_period_us").read_text("utf-8")
                cores = float(quota) / float(period)
            except (OSError, ValueError, ZeroDivisionError):
                continue  # the file is missing (at the root, in a container) or says "max"
            if cores > 0:  # version 1 writes -1 for no quota
                yield cores


def use_one_blas_thread() -> None:
    """Let the linear algebra of NumPy and SciPy use one thread, unless the user says otherwise.

    Its matrices are small here: OpenBLAS's threads would wait for each other longer than they
    compute, and many times longer beside other work. To be called before NumPy is imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def use_one_allocator() -> None:
    """Let Arrow ask the system for memory, as Python does, unless the user says otherwise.

    Its own allocator keeps what it has freed. A driver then holds 70 MB more after it has read the
    rows of 100,000 trials. To be called before pyarrow is imported.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def ensure_home() -> None:
    """Give this process and its children a temporary home folder, if they have none.

    A container's user may have neither HOME nor an entry among the system's users. Ray and altair
    need a home folder when they are imported.
    """
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)  # an empty HOME would mean the root folder
    try:
        Path.home()
    except RuntimeError:
        home = tempfile.mkdtemp(prefix="study-home-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["HOME"] = home
