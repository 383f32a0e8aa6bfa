"""A simulated EC2 in one namespace: moto answers, and every instance it runs gets a body.

`python simulated.py WORK SPEC`, as process 1 of new network, mount and process namespaces without a
way out, runs `ray up` on this checkout's cluster.yaml, plays SPEC on it (play.py), runs `ray down`
and looks that nothing is left. When this process ends, however it does, the kernel ends the rest.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
GATEWAY = "10.255.255.254"
IMAGE = "ami-785db401"  # an image that moto knows
WORKERS = 3
IDLE_MINUTES = 1
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "simulated-id",
    "AWS_SECRET_ACCESS_KEY": "simulated-secret",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ENDPOINT_URL": f"http://{GATEWAY}:5000",
}
NODE = {
    **ACCOUNT,
    "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
}


def command(text):
    subprocess.run(text.split(), check=True)


def build_walls(work):
    """A bridge that leads nowhere, no names, and a laptop's home without anybody's keys."""
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


def localised(work):
    """This checkout's cluster.yaml without what needs a real image: what is left is run as it is.

    Taken out: setup commands (this machine's environment stands in), image, profiles, disks.
    """
    import yaml

    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(work / "keys" / "user")}
    config |= {"setup_commands": [], "idle_timeout_minutes": IDLE_MINUTES, "max_workers": WORKERS}
    for node_type in config["available_node_types"].values():
        node = node_type["node_config"]
        node |= {"KeyName": "simulated", "ImageId": IMAGE}
        for real in ("IamInstanceProfile", "BlockDeviceMappings"):
            node.pop(real)
        node_type["max_workers"] = min(node_type["max_workers"], WORKERS)
    path = work / "cluster.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


class Bodies:
    """Follows moto's instances: a new one gets namespaces with an sshd, a gone one loses them."""

    def __init__(self, work):
        import boto3

        self._work, self._ec2 = work, boto3.client("ec2")
        self._bodies = {}
        self._reclaim = threading.Lock()
        self._folders = sorted({str(ROOT), str(BIN.parent), str(work), *_shown()})
        key = (work / "keys" / "user.pub").read_bytes()
        self._ec2.import_key_pair(KeyName="simulated", PublicKeyMaterial=key)
        iam, name = boto3.client("iam"), "ray-autoscaler-v1"  # Ray's own; making it takes it 30 s
        iam.create_instance_profile(InstanceProfileName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def instances(self):
        """Those that run, by id."""
        states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        groups = self._ec2.describe_instances(Filters=states)["Reservations"]
        return {i["InstanceId"]: i for group in groups for i in group["Instances"]}

    def follow(self):
        """For ever, in a thread."""
        while True:
            with self._reclaim:
                there = self.instances()
                for gone in self._bodies.keys() - there.keys():
                    self._bodies.pop(gone).kill()
                for new in there.keys() - self._bodies.keys():
                    self._bodies[new] = self._boot(new, there[new])
                for wish in self._work.glob("reclaim-*"):
                    wish.unlink()
                    self._take(wish.name.removeprefix("reclaim-"), there)
            time.sleep(0.3)

    def _take(self, address, there):
        """A spot instance is gone without a word, and EC2 says so afterwards."""
        [taken] = [i for i, said in there.items() if said["PrivateIpAddress"] == address]
        assert there[taken]["InstanceLifecycle"] == "spot"
        self._bodies.pop(taken).kill()
        self._ec2.terminate_instances(InstanceIds=[taken])

    def _boot(self, name, instance):
        addresses = [instance["PrivateIpAddress"], instance.get("PublicIpAddress")]
        with (self._work / "logs" / f"{name}.log").open("wb") as log:
            body = subprocess.Popen(
                [
                    *("unshare", "--net", "--uts", "--mount", "--pid"),
                    *("--fork", "--kill-child", "--mount-proc", "bash", HERE / "instance.sh"),
                    *(name, ",".join(filter(None, addresses)), *self._folders),
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
    """Where Python and what it imports lie, of the folders that an instance hides."""
    hidden = ("/tmp/", "/root/", "/home/", "/run/")
    places = [sys.base_prefix, *filter(os.path.isdir, sys.path)]
    return [place for place in places if place.startswith(hidden)]


def main(work, spec):
    build_walls(work)
    with (work / "logs" / "moto.log").open("wb") as log:
        subprocess.Popen([sys.executable, HERE / "api.py", GATEWAY, "5000"], stdout=log, stderr=log)
    import socket

    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection((GATEWAY, 5000), timeout=1).close()
            break
        except OSError:
            time.sleep(0.2)
    bodies = Bodies(work)
    threading.Thread(target=bodies.follow, daemon=True).start()
    cluster = localised(work)
    failed = []
    for name, words in {
        "up": [BIN / "ray", "up", "-y", "--no-config-cache", cluster],
        "play": [sys.executable, HERE / "play.py", cluster, spec],
        "down": [BIN / "ray", "down", "-y", cluster],
    }.items():
        began = time.monotonic()
        with (work / "logs" / f"{name}.log").open("wb") as log:
            code = subprocess.run(words, cwd=ROOT, stdout=log, stderr=log, check=False).returncode
        print(f"{name}: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
        if code:
            failed.append(name)
            print((work / "logs" / f"{name}.log").read_text()[-3000:], flush=True)
        if code and name == "up":
            break
    time.sleep(3)
    left = list(bodies.instances())
    raylets = subprocess.run(["pgrep", "-x", "raylet"], capture_output=True, check=False).stdout
    print(f"left over: instances {left}, raylets {raylets.split()}")
    return 1 if failed or left or raylets else 0


if __name__ == "__main__":
    os._exit(main(Path(sys.argv[1]), sys.argv[2]))
