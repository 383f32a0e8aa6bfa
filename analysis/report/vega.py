"""The script that draws charts in a browser: Vega, Vega-Lite and Vega-Embed as one.

The script is the same for every page. It takes a second and a half to make, and no other thread of
the process runs meanwhile. So it is made once and kept in the user's cache; `python -m
analysis.report.vega` makes it in a process of its own.
"""

import contextlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from study.store.atomic import replace_file

MAKE_SECONDS = 120  # timeout of the process that makes the script


def vega_script() -> str:
    """A script that defines `vegaEmbed` and nothing else: from the cache, or made and cached."""
    path = cached_script()
    with contextlib.suppress(OSError):
        return path.read_text("utf-8")
    import vl_convert  # noqa: PLC0415  100 MB of addresses, and rarely needed

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    script = f"(()=>{{\n{bundle}\n}})()"
    with contextlib.suppress(OSError):  # without a cache it is made again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, script.encode())
    return script


def cached_script() -> Path:
    """The file of the cache: in the folder XDG_CACHE_HOME, or else in ~/.cache."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "study" / f"vega-{version('vl-convert-python')}.js"


def prepare_script() -> None:
    """Make the script in another process, so that this one goes on, unless it is cached.

    Where that fails, `vega_script` makes the script itself.
    """
    if cached_script().exists():
        return
    # -P: nothing is imported from the user's folder.
    command = [sys.executable, "-P", "-m", "analysis.report.vega"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603  our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=MAKE_SECONDS,
            check=False,
        )


if __name__ == "__main__":
    vega_script()
