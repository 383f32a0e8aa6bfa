"""`play.py KIND CLUSTER SPEC`: what a user does at a laptop, while one of three machines is lost.

Submits SPEC to a store on S3, waits until three machines train, has one taken away, follows the job
to its end, and compares the table with one trained here. On EC2 the cluster is back at its head.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
from trained import fill, table

from study.spec.file import load_spec
from study.store.store import Store

KIND, CLUSTER, SPEC = sys.argv[1:]
WORK = Path(os.environ["WORK"])
BUCKET = "simulated-study"
OUT = f"s3://{BUCKET}/runs"
STUDY = [Path(sys.executable).parent / "study"]


def until(condition, seconds, what):
    """Wait until a condition holds; fail after the timeout."""
    began = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - began < seconds, f"no {what} after {seconds} s"
        time.sleep(1)
    print(f"{what}: {found} after {time.monotonic() - began:.0f} s", flush=True)
    return found


def training(store):
    """The nodes that train a pack at this moment."""
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    return {pack.node for pack in packs if pack.status == "running"}


def workers():
    wanted = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    groups = boto3.client("ec2").describe_instances(Filters=wanted)["Reservations"]
    return [i for g in groups for i in g["Instances"] if i.get("InstanceLifecycle") == "spot"]


def submit(store):
    """Submit the study from here; returns the id of its job."""
    where = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    words = [*STUDY, "submit", SPEC, "--cluster", CLUSTER, "--out", OUT]
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    until(store.exists, 60, "study begun")
    return said.splitlines()[0]


def lose(node):
    """Ask for a machine to be taken away."""
    (WORK / f"take-{node.removeprefix('ip-')}").touch()


def hold(job, store):
    """Follow the job to its end; check that its table equals one made on this machine alone."""
    logs = [*STUDY, "logs", job, "--cluster", CLUSTER]
    print(subprocess.run(logs, check=True, stdout=subprocess.PIPE, text=True).stdout)
    spec = load_spec(SPEC)
    here = table(fill(spec, WORK / "serial" / spec.name))
    there = table(Store.open(f"{OUT}/{spec.name}"))
    packs = [store.packs.read(pack_id) for pack_id in store.packs.ids()]
    print("attempts:", [pack.attempts for pack in packs], "states:", [p.status for p in packs])
    assert any(pack.attempts > 1 for pack in packs), "somebody was in the middle of a pack"
    print(f"{len(there[0])} rows and {len(there[1])} readings; equal: {here == there}")
    assert here == there


def on_ec2(store):
    assert workers() == [], "no worker before there is work"
    job = submit(store)
    until(lambda: len(training(store)) >= 3, 300, "three workers in training")
    lose(max(training(store)))
    hold(job, store)
    until(lambda: not workers(), 400, "scaled to zero")


def on_hosts(store):
    job = submit(store)
    until(lambda: len(training(store)) >= 3, 300, "three hosts in training")
    lose(max(training(store)))  # the head's address is the lowest
    hold(job, store)


STORE = Store(f"{OUT}/{load_spec(SPEC).name}")
{"ec2": on_ec2, "hosts": on_hosts}[KIND](STORE)
