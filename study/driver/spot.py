"""Watches for EC2's notice that this spot instance will be taken, and drains its node of Ray.

`python -m study.driver.spot`, started beside each worker by cluster.yaml. EC2 gives two minutes'
notice. A node that drains takes no new pack, and what it loses does not count against a pack.
"""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from study.driver.ray_command import RAY_COMMAND

METADATA = "http://169.254.169.254/latest"
POLL_SECONDS = 5.0  # as EC2 advises
TOKEN_SECONDS = 60  # lifetime that is asked for a token of EC2's metadata service
ANSWER_TIMEOUT = 2.0  # seconds
MISSING = 3  # a machine where so many questions in a row fail is taken not to be EC2's


def notice(metadata: str = METADATA) -> float | None:
    """Seconds until EC2 takes this instance, or None while there is no notice.

    Raises OSError where there is no metadata service.
    """
    asks_token = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
    status, token = _ask("PUT", f"{metadata}/api/token", asks_token)
    if status != http.client.OK:
        raise OSError(f"{metadata}: no token ({status})")
    has_token = {"X-aws-ec2-metadata-token": token}
    status, action = _ask("GET", f"{metadata}/meta-data/spot/instance-action", has_token)
    if status == http.client.NOT_FOUND:
        return None
    if status != http.client.OK:
        raise OSError(f"{metadata}: no answer on the instance ({status})")
    taken = datetime.fromisoformat(json.loads(action)["time"])
    return (taken - datetime.now(UTC)).total_seconds()


def _ask(method: str, url: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and text of an answer. Never through a proxy: the service is on this machine."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_TIMEOUT)
    try:
        connection.request(method, parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"{url}: {error}") from error
    finally:
        connection.close()


def drain(seconds: float) -> bool:
    """Tell Ray that this node will be gone in so many seconds; returns whether Ray agreed."""
    return not subprocess.call(  # noqa: S603  our own interpreter, and a number
        [
            *(*RAY_COMMAND, "drain-node"),
            *("--reason", "DRAIN_NODE_REASON_PREEMPTION"),
            *("--reason-message", "EC2 takes this spot instance"),
            *("--deadline-remaining-seconds", str(max(0, int(seconds)))),
        ]
    )


def drain_at_notice(
    drain: Callable[[float], bool] = drain,
    metadata: str = METADATA,
    poll_seconds: float = POLL_SECONDS,
) -> str:
    """Wait for the notice and drain this node; returns a sentence on why the wait is over.

    Args:
        drain: tells Ray how many seconds are left; called again after False.
        metadata: URL of the metadata service.
        poll_seconds: between two questions.
    """
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
    sys.stdout.write(drain_at_notice() + "\n")
