"""types.d.ts tells the page's scripts of the records that Python sends."""

import re

import pytest

from analysis.live.answers import Selected, TableAnswer, TrialAnswer
from analysis.phases.quantities import Ramp
from analysis.report.law_section import FigureState
from analysis.report.page import Setup
from analysis.report.page_records import (
    AxisState,
    CellAnswer,
    CellPatience,
    Fact,
    PageState,
    PatienceState,
)
from analysis.report.sections import BoundaryState, LawState
from analysis.report.template import web_file


def members(interface):
    """The names of an interface's members, with those of the interface that it extends."""
    head, body = re.search(
        rf"export interface {interface}( extends \w+)? {{\n(.*?)^}}",
        web_file("types.d.ts"),
        re.DOTALL | re.MULTILINE,
    ).groups()
    inherited = members(head.split()[-1]) if head else set()
    return inherited | set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))


@pytest.mark.parametrize(
    ("interface", "records", "others"),
    [
        # Which report and server add.
        ("State", (PageState, LawState), {"store", "problem", "begin", "pending"}),
        ("PatienceState", (PatienceState,), set()),
        ("Setup", (Setup,), set()),
        ("Axis", (AxisState,), set()),
        ("Boundary", (BoundaryState,), set()),
        ("Figure", (FigureState,), set()),
        ("Fact", (Fact,), set()),
        ("Ramp", (Ramp,), set()),
        ("Selected", (Selected,), set()),
        ("CellAnswer", (CellAnswer,), set()),
        ("CellPatience", (CellPatience,), set()),
        ("TrialAnswer", (TrialAnswer,), set()),
        ("TableAnswer", (TableAnswer,), set()),
    ],
)
def test_an_interface_has_the_keys_of_its_record(interface, records, others):
    keys = set().union(*(record.__annotations__ for record in records))
    assert members(interface) == keys | others
