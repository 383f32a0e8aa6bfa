"""`ec2.py WORK SPEC`: a simulated EC2, where moto answers and every instance it runs gets a body.

Behind walls (walls.py), runs `ray up` on this checkout's cluster.yaml, plays SPEC on it (play.py),
runs `ray down` and looks that nothing is left.
"""

import os
import sys
import threading
import time
from pathlib import Path

import boto3
import walls
import yaml

IMAGE = "ami-785db401"  # an image that moto knows
WORKERS = 3
IDLE_MINUTES = 1


def localized(work):
    """This checkout's cluster.yaml without what needs a real image: what is left is run as it is.

    Taken out: what setup installs (this machine's environment stands in), image, profiles, disks.
    """
    config = yaml.safe_load((walls.ROOT / "cluster.yaml").read_text())
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(work / "keys" / "user")}
    config |= {"idle_timeout_minutes": IDLE_MINUTES, "max_workers": WORKERS}
    config["setup_commands"] = walls.without_installing(config["setup_commands"])
    for node_type in config["available_node_types"].values():
        node = node_type["node_config"]
        node |= {"KeyName": "simulated", "ImageId": IMAGE}
        for real in ("IamInstanceProfile", "BlockDeviceMappings"):
            node.pop(real)
        node_type["max_workers"] = min(node_type["max_workers"], WORKERS)
    path = work / "cluster.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


class Instances:
    """Follows moto's instances: starts a machine for each new one, ends those of gone ones."""

    def __init__(self, work):
        self._work, self._ec2 = work, boto3.client("ec2")
        self._bodies = {}
        key = (work / "keys" / "user.pub").read_bytes()
        self._ec2.import_key_pair(KeyName="simulated", PublicKeyMaterial=key)
        iam, name = boto3.client("iam"), "ray-autoscaler-v1"  # Ray's own; making it takes it 30 s
        iam.create_instance_profile(InstanceProfileName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def there(self):
        """The instances that run, by id."""
        states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        groups = self._ec2.describe_instances(Filters=states)["Reservations"]
        return {i["InstanceId"]: i for group in groups for i in group["Instances"]}

    def follow(self):
        """Follow the instances for ever; runs in a thread."""
        while True:
            there = self.there()
            for gone in self._bodies.keys() - there.keys():
                self._bodies.pop(gone).kill()
            for new in there.keys() - self._bodies.keys():
                addresses = [there[new]["PrivateIpAddress"], there[new].get("PublicIpAddress")]
                self._bodies[new] = walls.boot(self._work, new, list(filter(None, addresses)))
            for address in walls.wishes(self._work):
                self._take(address, there)
            time.sleep(0.3)

    def _take(self, address, there):
        """End a spot instance without notice; EC2 lists it as ended afterwards."""
        [taken] = [i for i, said in there.items() if said["PrivateIpAddress"] == address]
        assert there[taken]["InstanceLifecycle"] == "spot"
        self._bodies.pop(taken).kill()
        self._ec2.terminate_instances(InstanceIds=[taken])


def main(work, spec):
    walls.build(work)
    instances = Instances(work)
    threading.Thread(target=instances.follow, daemon=True).start()
    failed = walls.play(work, "ec2", localized(work), spec)
    time.sleep(3)
    left = list(instances.there())
    print(f"left over: instances {left}, raylets {walls.raylets()}")
    return 1 if failed or left or walls.raylets() else 0


if __name__ == "__main__":
    os._exit(main(Path(sys.argv[1]), sys.argv[2]))
