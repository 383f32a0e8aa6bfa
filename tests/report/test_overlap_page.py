"""No two labels of a chart lie on each other, in reports of five studies, wide and narrow."""

import pytest
from browsing import cut_off, emulated, go, needs_chromium, opened, overlapping, unfold
from selenium.webdriver.common.by import By
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
            unfold(browser)
            assert overlapping(browser) == [], width
            go(browser, x="train_size", y="weight_decay", color="share")
            assert overlapping(browser) == [], width


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["scaling", "modular_small", "early"])
def test_every_legend_is_whole(browser, tmp_path, name):
    """Facets are narrower than their card: the legend has the room of the facets alone."""
    write_report(STUDIES[name](tmp_path / name), tmp_path / "report.html")
    for width in (1920, 1440, 768, 760, 390):
        with emulated(browser, width):
            opened(browser, (tmp_path / "report.html").as_uri())
            unfold(browser)
            assert cut_off(browser) == [], width
            overflow = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
            assert browser.execute_script(overflow) <= 0
            if name == "scaling":
                go(browser, facet="k")
                assert cut_off(browser) == [], width


def test_circuits_use_the_width_of_their_card(browser, tmp_path):
    write_report(STUDIES["scaling"](tmp_path / "scaling"), tmp_path / "report.html")
    for width, columns in ((1440, 3), (1000, 2), (390, 1)):
        with emulated(browser, width):
            opened(browser, (tmp_path / "report.html").as_uri())
            unfold(browser)
            room, charts = browser.execute_script(
                "const wide = (one) => one.getBoundingClientRect().width;"
                "return [wide(document.getElementById('circuits')),"
                " [...document.querySelectorAll('#circuits svg')].map(wide)]"
            )
            assert len(charts) == columns
            assert sum(charts) > 0.85 * room


def test_labels_that_lie_on_each_other_are_seen(page):
    """The measure itself: a label that is moved onto another."""
    assert overlapping(page) == []
    page.execute_script(
        "const [a, b] = document.querySelectorAll('#diagram .role-axis-label text');"
        "a.setAttribute('transform', b.getAttribute('transform'));"
    )
    assert len(overlapping(page, "#diagram")) == 1


# By how much, at most, the lines of a diagram change the pixels of its numbers and those beside
# them. The pictures: the whole diagram, without its lines, and without lines and numbers.
STRUCK = """
const [pictures, done] = arguments;
const bytes = pictures.map((picture) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => {
    const {width, height} = image;
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.drawImage(image, 0, 0);
    resolve({width, height, data: context.getImageData(0, 0, width, height).data});
  };
  image.src = `data:image/png;base64,${picture}`;
}));
Promise.all(bytes).then(([whole, numbers, bare]) => {
  const away = (one, other, at) =>
    Math.max(...[0, 1, 2].map((i) => Math.abs(one.data[4 * at + i] - other.data[4 * at + i])));
  let inked = 0, most = 0;
  const {width, height} = whole;
  for (let at = width; at < width * (height - 1); at++) {
    if (away(numbers, bare, at) < 90) continue;
    inked += 1;
    for (const near of [at, at - 1, at + 1, at - width, at + width]) {
      most = Math.max(most, away(whole, numbers, near));
    }
  }
  done([inked, most]);
});
"""
LINES = "#diagram :is(.mark-line, .mark-rule)"


def picture(browser, hidden):
    """The diagram as PNG in base 64, without some of its parts."""
    browser.execute_script(
        "document.getElementById('without')?.remove();"
        "document.head.insertAdjacentHTML('beforeend',"
        " `<style id='without'>:is(${arguments[0]}) { visibility: hidden }</style>`)",
        hidden,
    )
    return browser.find_element(By.ID, "diagram").screenshot_as_base64


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_line_strikes_a_number_through(browser, tmp_path, width, scheme):
    coarse = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": [0.001, 0.01, 0.1, 0.3]}}
    write_report(simulate(tmp_path / "quick", coarse), tmp_path / "report.html")
    halos = "#diagram .mark-text text:not([fill])"
    with emulated(browser, width, scheme):
        opened(browser, (tmp_path / "report.html").as_uri())
        whole, numbers = picture(browser, "x"), picture(browser, LINES)
        bare = picture(browser, f"{LINES}, #diagram .mark-text")
        inked, most = browser.execute_async_script(STRUCK, [whole, numbers, bare])
        assert inked > 300
        assert most <= 12
        struck = picture(browser, halos)
        assert browser.execute_async_script(STRUCK, [struck, numbers, bare])[1] > 90
