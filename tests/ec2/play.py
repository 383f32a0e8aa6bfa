"""`play.py CLUSTER SPEC`: what a user does at a laptop, while EC2 reclaims one of three workers.

Submits SPEC to a store on S3, waits until three workers train, has one taken away, follows the job
to its end and the cluster back to its head; then compares the table with one trained here.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
from test_runner import fill, table

from study.store import Store
from study.study_file import load_spec

CLUSTER, SPEC = sys.argv[1:]
WORK = Path(os.environ["WORK"])
OUT = "s3://ec2-study/runs"
STUDY = [Path(sys.executable).parent / "study"]


def until(condition, seconds, what):
    """Wait for what must come."""
    began = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - began < seconds, f"no {what} after {seconds} s"
        time.sleep(1)
    print(f"{what}: {found} after {time.monotonic() - began:.0f} s", flush=True)
    return found


def training(store):
    """The nodes that train a pack at this moment."""
    packs = [store.pack(pack_id) for pack_id in store.pack_ids()]
    return {pack["node"] for pack in packs if pack["state"] == "running"}


def workers():
    wanted = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    groups = boto3.client("ec2").describe_instances(Filters=wanted)["Reservations"]
    return [i for g in groups for i in g["Instances"] if i.get("InstanceLifecycle") == "spot"]


def main():
    where = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
    boto3.client("s3").create_bucket(Bucket="ec2-study", CreateBucketConfiguration=where)
    assert workers() == [], "no worker before there is work"
    submit = [*STUDY, "submit", SPEC, "--cluster", CLUSTER, "--out", OUT]
    said = subprocess.run(submit, check=True, stdout=subprocess.PIPE, text=True).stdout
    job = said.splitlines()[0]
    store = Store(f"{OUT}/ec2")
    until(store.exists, 60, "study begun")
    until(lambda: len(training(store)) >= 3, 300, "three workers in training")
    taken = max(training(store))
    (WORK / f"reclaim-{taken.removeprefix('ip-')}").touch()
    logs = [*STUDY, "logs", job, "--cluster", CLUSTER]
    print(subprocess.run(logs, check=True, stdout=subprocess.PIPE, text=True).stdout)
    spec = load_spec(SPEC)
    here = table(fill(spec, WORK / "serial" / spec.name))
    there = table(Store.open(f"{OUT}/{spec.name}"))
    packs = [store.pack(pack_id) for pack_id in store.pack_ids()]
    print("attempts:", [pack["attempts"] for pack in packs], "states:", [p["state"] for p in packs])
    assert any(pack["attempts"] > 1 for pack in packs), "somebody was in the middle of a pack"
    print(f"{len(there[0])} rows and {len(there[1])} readings; equal: {here == there}")
    assert here == there
    until(lambda: not workers(), 400, "scaled to zero")


main()
