"""Machines in one namespace without a way out: the laptop's moto, and bodies that have an sshd.

For programs that run as process 1 of new network, mount and process namespaces: when such a program
ends, however it does, the kernel ends the rest.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BIN = Path(sys.executable).parent
GATEWAY = "10.255.255.254"
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "simulated-id",
    "AWS_SECRET_ACCESS_KEY": "simulated-secret",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL": f"http://{GATEWAY}:5000",
}
NODE = {
    **ACCOUNT,
    "PATH": "/root/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "VENV": str(BIN.parent),
    "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
}


def command(text):
    subprocess.run(text.split(), check=True)


def build(work):
    """Set up a bridge without a way out, no name service, a home without keys, and moto."""
    for text in (
        "ip link set lo up",
        "ip link add br0 type bridge",
        f"ip addr add {GATEWAY}/32 dev br0",
        "ip link set br0 up",
        f"ip route add default dev br0 src {GATEWAY}",
    ):
        command(text)
    for folder in ("keys", "nodes", "logs", "laptop"):
        (work / folder).mkdir()
    (work / "no-names").touch()
    command(f"mount --bind {work}/no-names /etc/resolv.conf")
    for name in ("user", "host"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / "keys" / name], check=True
        )
    lines = [f"export {name}='{value}'\n" for name, value in NODE.items()]
    (work / "node.env").write_text("".join(lines))
    strict = {
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    }
    laptop = {"HOME": str(work / "laptop"), "WORK": str(work), "NODE_ENV": str(work / "node.env")}
    os.environ.update({**NODE, **strict, **laptop})
    with (work / "logs" / "moto.log").open("wb") as log:
        subprocess.Popen([sys.executable, HERE / "api.py", GATEWAY, "5000"], stdout=log, stderr=log)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection((GATEWAY, 5000), timeout=1).close()
            break
        except OSError:
            time.sleep(0.2)


def without_installing(setup_commands):
    """The setup commands after the installation: ~/venv is this environment already."""
    *installation, link = setup_commands
    assert "pip install" in installation[-1]
    return [link]


def boot(work, name, addresses):
    """Start a machine with these addresses; returns the process that ends with it."""
    folders = sorted({str(ROOT), str(BIN.parent), str(work), *_shown()})
    with (work / "logs" / f"{name}.log").open("wb") as log:
        body = subprocess.Popen(
            [
                *("unshare", "--net", "--uts", "--mount", "--pid"),
                *("--fork", "--kill-child", "--mount-proc", "bash", HERE / "body.sh"),
                *(name, ",".join(addresses), *folders),
            ],
            stdout=log,
            stderr=log,
        )
    ours = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{body.pid}/ns/net").readlink() == ours:
        time.sleep(0.01)
    cable = f"v{name[-10:]}"
    command(f"ip link add {cable} type veth peer name eth0 netns {body.pid}")
    command(f"ip link set {cable} master br0 up")
    return body


def _shown():
    """The folders of Python and of what it imports that a machine would hide."""
    hidden = ("/tmp/", "/root/", "/home/", "/run/")
    places = [sys.base_prefix, *filter(os.path.isdir, sys.path)]
    return [place for place in places if place.startswith(hidden)]


def wishes(work):
    """The addresses of machines that are to be taken away."""
    for wish in work.glob("take-*"):
        wish.unlink()
        yield wish.name.removeprefix("take-")


def play(work, kind, cluster, spec):
    """Do what a user does, from `ray up` to `ray down`; returns the steps that failed."""
    failed = []
    for name, words in {
        "up": [BIN / "ray", "up", "-y", "--no-config-cache", cluster],
        "play": [sys.executable, HERE / "play.py", kind, cluster, spec],
        "down": [BIN / "ray", "down", "-y", cluster],
    }.items():
        began = time.monotonic()
        with (work / "logs" / f"{name}.log").open("wb") as log:
            code = subprocess.run(words, cwd=ROOT, stdout=log, stderr=log, check=False).returncode
        print(f"{name}: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
        if name == "play" and not code:
            print((work / "logs" / "play.log").read_text()[-1500:], flush=True)
        if code:
            failed.append(name)
            print((work / "logs" / f"{name}.log").read_text()[-3000:], flush=True)
        if code and name == "up":
            break
    return failed


def raylets():
    """The processes of Ray that still run, on all machines."""
    found = subprocess.run(["pgrep", "-x", "raylet"], capture_output=True, check=False).stdout
    return found.split()
