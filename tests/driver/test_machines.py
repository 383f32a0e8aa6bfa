"""cluster.yaml for real: `ray up`, a study, a machine that is lost, `ray down`.

On a simulated EC2, and on a list of hosts. Not simulated: images and setup commands, GPUs, quotas
and prices, the metadata service, names.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ["sshd", "ssh-keygen", "ssh", "rsync", "ip", "unshare", "pgrep", "hostname", "mount"]
SPEC = """
name = "lossy"
seeds = 2
[axes]
n = 20
k = 2
width = 100
train_size = [100, 110, 120, 130, 140, 150]
[data]
labels = "random"    # nothing to generalize: every trial runs to its budget
[budget]
epochs = 12000
[resources]
device = "cpu"
cpu = {cores}    # a whole machine
"""
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("kind", "cores"), [("ec2", 4), ("hosts", os.cpu_count())])
def test_a_study_that_needs_three_machines_and_loses_one(tmp_path, capsys, kind, cores):
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if lacking or os.geteuid() != 0:
        pytest.skip(f"needs root and, of Debian's packages, what has {', '.join(lacking) or 'it'}")
    spec = tmp_path / "lossy.toml"
    spec.write_text(SPEC.format(cores=cores))
    work = tmp_path / "work"
    work.mkdir()
    here = Path(__file__).parents[1] / "support"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    walls = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    played = subprocess.run(
        [*walls, sys.executable, here / "machines" / f"{kind}.py", work, spec],
        env={**clean, "PATH": PATH, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        check=False,
    )
    with capsys.disabled():
        print(f"\n{played.stdout}{played.stderr}")
    assert played.returncode == 0
