"""What a cluster would cost, on numbers that can be worked out by hand."""

import json
from pathlib import Path

import pytest
from small import spec_of

from study import cli
from study.errors import UsageError
from study.plan import costs
from study.plan.cluster_costs import cluster_cost, read_prices
from study.plan.plan import make_plan

CLUSTER = str(Path(__file__).parents[2] / "cluster.yaml")
PRICES = {"m7i.large": 0.1, "g5.xlarge": 0.5, "g6.xlarge": 0.4, "c7a.16xlarge": 0.3}


def packs_of(count, **resources):
    asked = {"device": "cpu", "trials_per_pack": 1, **resources}
    return make_plan(spec_of(seeds=count, resources=asked)).packs


@pytest.mark.parametrize(
    ("count", "resources", "nodes", "at_once"),
    [
        (8, {}, 2, 4),  # four cores a node
        (9, {"cpu": 2}, 5, 2),
        (100, {"cpu": 4}, 8, 1),  # the cluster's limit
        (8, {"device": "cuda"}, 2, 4),  # a quarter of a GPU each
        (8, {"device": "cuda", "gpu": 0.5}, 4, 2),
    ],
)
def test_hours_and_money_are_what_the_packs_need(count, resources, nodes, at_once, monkeypatch):
    monkeypatch.setattr(costs, "core_seconds", lambda packs: 3600.0 * len(packs))
    prices = dict(PRICES)
    if resources.get("device") == "cuda":
        del prices["c7a.16xlarge"]  # a node without a GPU has no room for these packs
    found = cluster_cost(packs_of(count, **resources), CLUSTER, prices)
    assert (found["nodes"], found["packs_at_once"]) == (nodes, nodes * at_once)
    assert found["node_hours"] == pytest.approx(count / at_once)
    wall = max(1, count / at_once / nodes)
    assert found["wall_hours"] == pytest.approx(wall, abs=1e-3)
    assert found["money"] == pytest.approx(0.5 * count / at_once + 0.1 * wall, abs=0.01)


def test_packs_of_two_devices_need_no_node_that_has_both(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "core_seconds", lambda packs: 3600.0 * len(packs))
    types = "h: {}, c: {resources: {CPU: 64}}, g: {resources: {CPU: 1, GPU: 1}}"
    path = tmp_path / "cluster.yaml"
    path.write_text(f"{{max_workers: 2, head_node_type: h, available_node_types: {{{types}}}}}")
    packs = [*packs_of(4, cpu=16), *packs_of(2, device="cuda", gpu=1)]
    found = cluster_cost(packs, str(path), {"h": 0, "c": 1, "g": 10})
    assert found["node_hours"] == pytest.approx(4 / 4 + 2)
    assert found["money"] == pytest.approx(1 * 1 + 2 * 10)
    with pytest.raises(UsageError, match=r"no worker type has room for a pack; .* 65 cores"):
        cluster_cost([*packs, *packs_of(1, cpu=65)], str(path), {})


def test_where_nothing_is_left_to_train_nothing_is_paid():
    assert cluster_cost([], CLUSTER, PRICES)["money"] == 0
    with pytest.raises(UsageError, match="They are"):
        cluster_cost([], CLUSTER, {**PRICES, "p5.48xlarge": 1})


def test_the_plan_says_it_and_what_lacks_a_price(run_main, tmp_path):
    typed = ["plan", "quick", "--out", tmp_path, "--cluster", CLUSTER]
    code, out, _ = run_main(cli.main, *typed, "--json")
    assert code == 0
    assert set(json.loads(out)["cluster"]) >= {"nodes", "node_hours", "wall_hours"}
    prices = [word for name, price in PRICES.items() for word in ("--price", f"{name}={price}")]
    code, out, _ = run_main(cli.main, *typed, *prices)
    assert code == 0
    assert b"node-hours on" in out
    assert b"at these prices" in out
    assert b"not measured on a GPU" not in out
    code, out, _ = run_main(cli.main, *typed, "--set", "resources.device=cuda")
    assert b"not measured on a GPU" in out
    code, _, err = run_main(cli.main, *typed, "--price", "g5.xlarge=1")
    assert code == 2
    assert "They are c7a.16xlarge, g5.xlarge, g6.xlarge, m7i.large." in err


@pytest.mark.parametrize("written", ["g5.xlarge", "g5.xlarge=dear", "g5.xlarge=-1", "a=nan"])
def test_what_is_no_price_is_said_so(written):
    with pytest.raises(UsageError, match="not a price"):
        read_prices([written])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "no max_workers"),
        ("max_workers: 2", "no available_node_types"),
        ("a: [", "a cluster is a yaml file"),
        (
            "{max_workers: 2, head_node_type: h, available_node_types: {h: {}, w: {}}}",
            "no worker type has room",
        ),
    ],
)
def test_what_is_no_cluster_is_one_sentence(tmp_path, text, says):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        cluster_cost(packs_of(1), str(path), {})
