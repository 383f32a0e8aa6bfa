"""A process that stands in for an agent of a Ray node: it tells that its ports are not in use.

The raylet starts this file as a script, with the arguments of the agent. It waits for the agent's
ports, and ends itself when the agent ends. So the script writes -1 for each port, as Ray's own
agent does for a port that is not in use, and then lives for as long as the raylet.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PARENT_SECONDS = 1.0  # between two looks at the raylet


def tell_no_ports(arguments: Sequence[str]) -> None:
    """Write -1 for the ports of an agent, in the files that the raylet reads.

    Args:
        arguments: the names of the ports, separated by commas; then those of the agent, among them
            --session-dir=FOLDER and --node-id=ID.
    """
    names, *rest = arguments
    options = dict(text[2:].split("=", 1) for text in rest if text.startswith("--") and "=" in text)
    for name in names.split(","):
        path = Path(options["session-dir"]) / f"{name}_{options['node-id']}"
        whole = path.with_name(f".{path.name}")
        whole.write_text("-1", "utf-8")
        whole.replace(path)  # the raylet may read at any moment


def main() -> None:
    """Tell no ports, then wait until the raylet has ended."""
    raylet = os.getppid()
    tell_no_ports(sys.argv[1:])
    while os.getppid() == raylet:
        time.sleep(PARENT_SECONDS)


if __name__ == "__main__":
    main()
