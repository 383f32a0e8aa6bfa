"""The list of hosts of docs/cluster.md laid over cluster.yaml, as it tells its readers to."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def on_premise():
    """cluster.yaml with that page's keys for a list of hosts, and AWS's taken out."""
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    [block] = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text(), re.DOTALL
    )
    kept = {k: v for k, v in cluster.items() if k not in {"available_node_types", "head_node_type"}}
    return {**kept, **yaml.safe_load(block)}
