"""Faults of any kind at any moment lose no trial and double none: the table stays the same."""

import os
import random

import pytest
import ray
from faults import FAULTS, MOMENTS, Cell, Rig, can_mount, play
from object_store import ObjectStore
from ray.cluster_utils import Cluster
from trained import fill, table

from study.driver.ray_internals import QUIET
from study.spec.file import load_spec

pytestmark = pytest.mark.slow
SAMPLE = 2


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    s3 = ObjectStore()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**QUIET, **s3.environment}.items():
            patch.setenv(name, value)
        s3.make_bucket()
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            yield Rig(cluster, s3, folder)
        finally:
            cluster.shutdown()
            ray.shutdown()
            s3.close()


@pytest.fixture(scope="module")
def expected(rig, tmp_path_factory):
    """The study's table, trained serially without Ray."""
    return table(fill(load_spec(str(rig.spec)), tmp_path_factory.mktemp("serial")))


def hold(cells, rig, expected, capsys):
    """Play cells, and print the matrix as it goes."""
    bad = []
    with capsys.disabled():
        print(f"\n{'fault':<20} {'moment':<14} rows same packs begun halved exit codes seconds")
        for cell in cells:
            if cell.fault == "disk full" and not can_mount(rig.folder):
                print(
                    f"{cell.fault:<20} {cell.moment:<14} not played: no small disk can be mounted"
                )
                continue
            name = f"{cell.fault:<20} {cell.moment:<14}"
            try:
                played = play(cell, rig, expected)
            except AssertionError as error:
                bad.append(f"{name}: {error}")
                print(name, "FAILED", str(error)[-300:], flush=True)
                continue
            print(
                f"{name} {played.rows:>4} {'yes' if played.same else 'NO':>4} "
                f"{played.attempts:>11} {played.halved:>6} {played.runs!s:>10} "
                f"{played.seconds:>7.0f}",
                flush=True,
            )
            if not played.good:
                bad.append(f"{name}: {played}")
    assert not bad, "\n".join(bad)


@pytest.mark.timeout(400)
def test_a_sample_of_the_fault_matrix(rig, expected, capsys):
    chance = random.Random(int(os.environ.get("FAULT_SEED", "0")))
    faults = chance.sample(list(FAULTS), SAMPLE)
    hold([Cell(fault, chance.choice(MOMENTS)) for fault in faults], rig, expected, capsys)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_matrix(rig, expected, capsys, fault):
    hold([Cell(fault, moment) for moment in MOMENTS], rig, expected, capsys)
