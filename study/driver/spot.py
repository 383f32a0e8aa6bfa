"""Watches for EC2's notice that this spot instance will be taken, and drains its node of Ray.

`python -m study.driver.spot`, started beside each worker by cluster.yaml. EC2 gives two minutes; a
node that drains takes no new pack, and what it loses does not count against a pack.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

from study.driver.ray_command import RAY_COMMAND

METADATA = "http://169.254.169.254/latest"
POLL_SECONDS = 5.0  # what EC2 advises
TOKEN_SECONDS = 60
MISSING = 3  # answers in a row before this machine is taken not to be EC2's

# The metadata service is on the machine itself: no proxy knows it.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def notice(metadata: str = METADATA) -> float | None:
    """Seconds until this instance is taken, or None while nobody has said so.

    Raises OSError where there is no metadata service.
    """
    asked = urllib.request.Request(  # noqa: S310  always http, and on this machine
        f"{metadata}/api/token",
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)},
    )
    with _open(asked, timeout=2) as answer:
        token = answer.read().decode()
    asked = urllib.request.Request(  # noqa: S310  likewise
        f"{metadata}/meta-data/spot/instance-action", headers={"X-aws-ec2-metadata-token": token}
    )
    try:
        with _open(asked, timeout=2) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
    return (datetime.fromisoformat(said["time"]) - datetime.now(UTC)).total_seconds()


def drain(seconds: float) -> bool:
    """Tell Ray that this node will be gone in so many seconds; whether Ray has heard."""
    return not subprocess.call(  # noqa: S603  our own interpreter, and a number
        [
            *(*RAY_COMMAND, "drain-node"),
            *("--reason", "DRAIN_NODE_REASON_PREEMPTION"),
            *("--reason-message", "EC2 takes this spot instance"),
            *("--deadline-remaining-seconds", str(max(0, int(seconds)))),
        ]
    )


def watch(
    drain: Callable[[float], bool] = drain,
    metadata: str = METADATA,
    poll_seconds: float = POLL_SECONDS,
) -> str:
    """Wait for the notice and drain; returns why it ends, in a sentence."""
    missing = 0
    while missing < MISSING:
        try:
            seconds = notice(metadata)
            missing = 0
            if seconds is not None and drain(seconds):
                return f"drained: this instance is taken in {seconds:.0f} s."
        except (OSError, ValueError, KeyError):
            missing += 1
        time.sleep(poll_seconds)
    return f"{metadata}: no metadata service answers; this machine is not EC2's."


if __name__ == "__main__":
    sys.stdout.write(watch() + "\n")
