"""No two labels of a chart lie on each other, in reports of five studies, wide and narrow."""

import pytest
from browsing import emulated, go, needs_chromium, opened, overlapping
from simulated import QUICK, simulate
from thinned import thinned

from analysis import write_report

pytestmark = [needs_chromium, pytest.mark.slow]
# Curves and all charts; facets with long names; a modulus; many strata; seven axes.
STUDIES = {
    "quick": lambda path: simulate(path, QUICK),
    "ungrok": lambda path: thinned(path, "ungrok", "seed < 4"),
    "modular_small": lambda path: thinned(path, "modular_small"),
    "early": lambda path: thinned(path, "early", "seed < 2"),
    "scaling": lambda path: thinned(path, "scaling", "seed < 1 and n <= 40"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", STUDIES)
def test_no_two_labels_overlap(browser, tmp_path, name):
    write_report(STUDIES[name](tmp_path / name), tmp_path / "report.html")
    for width in (1440, 390):
        with emulated(browser, width):
            opened(browser, (tmp_path / "report.html").as_uri())
            assert overlapping(browser) == [], width
            go(browser, x="train_size", y="weight_decay", color="share")
            assert overlapping(browser) == [], width


def test_labels_that_lie_on_each_other_are_seen(page):
    """The measure itself: a label that is moved onto another."""
    assert overlapping(page) == []
    page.execute_script(
        "const [a, b] = document.querySelectorAll('#diagram .role-axis-label text');"
        "a.setAttribute('transform', b.getAttribute('transform'));"
    )
    assert len(overlapping(page, "#diagram")) == 1
