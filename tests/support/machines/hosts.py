"""`hosts.py WORK SPEC`: three machines that are always there, as on somebody's own premises.

Behind walls (walls.py), runs `ray up` on the list of hosts of docs/cluster.md over cluster.yaml,
plays SPEC on it (play.py), runs `ray down` and looks that no Ray is left on any of them.
"""

import os
import sys
import threading
import time
from pathlib import Path

import walls
import yaml
from on_premise import on_premise

HEAD, *WORKERS = "10.0.0.10", "10.0.0.11", "10.0.0.12"
LAST_SECONDS = 120  # a worker gives its head up after a minute


def written(work):
    """The on-premise file of docs/cluster.md; this environment stands in for the installed one."""
    config = on_premise()
    config["provider"] |= {"head_ip": HEAD, "worker_ips": WORKERS}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(work / "keys" / "user")}
    config["setup_commands"] = walls.without_installing(config["setup_commands"])
    path = work / "cluster.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def take(work, bodies):
    """End the machines that are to be taken away; runs for ever, in a thread."""
    while True:
        for address in walls.wishes(work):
            bodies.pop(address).kill()
        time.sleep(0.3)


def main(work, spec):
    walls.build(work)
    os.environ["RAY_UP_enable_autoscaler_v2"] = "0"  # noqa: SIM112  Ray's name, from docs/cluster.md
    bodies = {
        address: walls.boot(work, f"host-{address}", [address]) for address in [HEAD, *WORKERS]
    }
    threading.Thread(target=take, args=(work, bodies), daemon=True).start()
    failed = walls.play(work, "hosts", written(work), spec)
    until = time.monotonic() + LAST_SECONDS
    while walls.raylets() and time.monotonic() < until:
        time.sleep(1)
    print(f"left over: raylets {walls.raylets()}")
    return 1 if failed or walls.raylets() else 0


if __name__ == "__main__":
    os._exit(main(Path(sys.argv[1]), sys.argv[2]))
