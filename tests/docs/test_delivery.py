"""The image and the workflow do what README.md and .ci/run say."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
IMAGE = (ROOT / "Dockerfile").read_text()


def test_the_image_has_what_is_installed_and_runs_the_first_command():
    copied = {
        name
        for line in re.findall(r"^COPY (.*) \S+$", IMAGE, re.MULTILINE)
        for name in line.split()
    }
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"pyproject.toml", "setup.py", project["readme"], *project["license-files"]} <= copied
    assert {"study", "analysis", "constraints.txt"} <= copied
    assert "pip install --no-cache-dir -c constraints.txt ." in IMAGE
    [words] = re.findall(r"^CMD (.*)$", IMAGE, re.MULTILINE)
    assert " ".join(yaml.safe_load(words)) == "study run quick"
    assert "study run quick" in (ROOT / "README.md").read_text()
    [version] = re.findall(r"^FROM python:(\S+)-slim$", IMAGE, re.MULTILINE)
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_the_workflow_calls_what_must_pass():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    [job] = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert "apt-get" in (ROOT / ".ci" / "run").read_text(), "hence a container, where root runs it"
    assert job["container"].startswith("python:")
