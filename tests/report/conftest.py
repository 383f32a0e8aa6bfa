"""A report in a real browser without a network, for the tests of its parts."""

import copy

import pytest
from browsing import opened
from simulated import QUICK, simulate

from analysis import write_report


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A study whose width varies, too, and one of whose corners no trial has reached."""
    study = copy.deepcopy(QUICK)
    study["axes"] |= {"n": 20, "train_size": [200, 400, 1000], "weight_decay": [0.001, 0.01, 0.1]}
    wide = {"label": "</script><b>wide", "axes": {"width": 200, "train_size": [200, 400]}}
    wide["axes"]["weight_decay"] = [0.01, 0.1]
    study["settings"] = [{"label": "narrow"}, wide]
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


@pytest.fixture(scope="module")
def report(store):
    path = store.parent / "report.html"
    write_report(store, path)
    return path


@pytest.fixture
def page(browser, report):
    yield opened(browser, report.as_uri())
    assert browser.get_log("browser") == []
