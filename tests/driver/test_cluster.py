"""`cluster.yaml` and its on-premise variant, checked offline by Ray's schema and by botocore."""

import re
from copy import deepcopy
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from jsonschema import ValidationError
from moto import mock_aws
from on_premise import on_premise
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster():
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def check(written):
    """The checks with which `ray up` begins, which need no network."""
    validate_config(prepare_config(deepcopy(written)))


def wrong_with(node_config):
    """botocore's complaint about a node's config as a request for instances; '' without one."""
    model = ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2")
    asked = {**node_config, "MinCount": 1, "MaxCount": 1}
    shape = model.operation_model("RunInstances").input_shape
    return ParamValidator().validate(asked, shape).generate_report()


def test_rays_schema_takes_the_file_and_would_not_take_a_misspelt_one(cluster):
    check(cluster)
    with pytest.raises(ValidationError, match="max_worker"):
        check({**cluster, "max_worker": 3})


def test_ec2_takes_every_node_type_and_would_not_take_a_misspelt_one(cluster):
    types = cluster["available_node_types"]
    assert len(types) == 4
    for name, node_type in types.items():
        assert wrong_with(node_type["node_config"]) == "", name
    misspelt = {**types["head"]["node_config"], "InstanceMarketOption": {}}
    assert "InstanceMarketOption" in wrong_with(misspelt)


@pytest.mark.slow
def test_rays_launcher_starts_every_node_type_on_a_simulated_ec2(cluster, monkeypatch, tmp_path):
    simulated = {
        "HOME": str(tmp_path),  # where Ray keeps the key pair that it makes
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
    }
    for name, value in simulated.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".ssh").mkdir()
    region = cluster["provider"]["region"]
    with mock_aws():
        iam, ec2 = boto3.client("iam", region), boto3.client("ec2", region)
        for node_type in cluster["available_node_types"].values():
            node_type["node_config"]["ImageId"] = "ami-785db401"  # an image that moto knows
        for name in ("grokking-study-head", "grokking-study-worker"):
            iam.create_instance_profile(InstanceProfileName=name)
        ready = AWSNodeProvider.bootstrap_config(prepare_config(cluster))
        provider = AWSNodeProvider(ready["provider"], ready["cluster_name"])
        for name, node_type in ready["available_node_types"].items():
            assert len(node_type["node_config"]["SubnetIds"]) == 3, "one a zone"
            provider.create_node(node_type["node_config"], {"ray-node-name": name}, 1)
        groups = ec2.describe_instances()["Reservations"]
        started = [instance for group in groups for instance in group["Instances"]]
    kinds = {(node["InstanceType"], node.get("InstanceLifecycle")) for node in started}
    spot = {(name, "spot") for name in ("g5.xlarge", "g6.xlarge", "c7a.16xlarge")}
    assert kinds == {("m7i.large", None), *spot}


def test_the_head_trains_nothing_and_workers_are_spot_of_several_types_and_zones(cluster):
    types = dict(cluster["available_node_types"])
    head = types.pop(cluster["head_node_type"])
    assert head["resources"] == {"CPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]
    assert len({worker["node_config"]["InstanceType"] for worker in types.values()}) >= 2
    for worker in types.values():
        assert (worker["min_workers"], worker["max_workers"]) == (0, cluster["max_workers"])
        assert worker["resources"] in ({"CPU": 4, "GPU": 1}, {"CPU": 64})
        assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert len(cluster["provider"]["availability_zone"].split(",")) >= 2


def test_nothing_listens_beyond_loopback_and_no_key_is_in_the_file(cluster):
    starts = cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]
    starts = [command for command in starts if "ray start" in command]
    assert len(starts) == 2
    assert "--dashboard-host=127.0.0.1" in starts[0]
    assert all("RAY_AUTH_MODE=disabled" in command for command in starts)
    text = (ROOT / "cluster.yaml").read_text()
    assert not re.search(r"AKIA|aws_secret|aws_access", text, re.IGNORECASE)
    for node_type in cluster["available_node_types"].values():
        assert node_type["node_config"]["IamInstanceProfile"]["Name"]


def test_workers_watch_for_the_spot_notice_and_the_head_does_not(cluster):
    watchers = [c for c in cluster["worker_start_ray_commands"] if "-m study.driver.spot" in c]
    assert len(watchers) == 1
    assert not any("study.driver.spot" in command for command in cluster["head_start_ray_commands"])


def test_nodes_are_set_up_by_the_files_commands_and_none_of_rays_own(cluster):
    prepared = prepare_config(deepcopy(cluster))
    for kind in ("head", "worker"):
        assert prepared[f"{kind}_setup_commands"] == cluster["setup_commands"]
    assert not prepared["initialization_commands"]


def test_the_files_that_setup_names_are_there(cluster):
    [source] = cluster["file_mounts"].values()
    assert (ROOT / source / "constraints.txt").is_file()
    assert any("-c constraints.txt" in command for command in cluster["setup_commands"])


def test_the_readmes_list_of_hosts_is_a_cluster_that_ray_takes():
    local = on_premise()
    check(local)
    prepared = prepare_config(deepcopy(local))
    assert prepared["provider"]["head_ip"]
    workers = prepared["available_node_types"]["local.cluster.node"]
    assert workers["max_workers"] == len(local["provider"]["worker_ips"])
