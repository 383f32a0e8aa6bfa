"""A real Chromium for the tests of pages, and what the tests do in the browser."""

import os
import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Clicks a random filled cell, not the one on show; gives the milliseconds until the cell is shown.
CLICK_A_CELL = """
const done = arguments[0], before = location.hash;
const shown = document.getElementById('cell-title').textContent;
const filled = [...document.querySelectorAll('#diagram path[aria-label]')].filter((path) => {
  const said = path.getAttribute('aria-label');
  return said.includes('generalized') && !said.startsWith(`${shown}:`);
});
const began = performance.now();
filled[Math.floor(Math.random() * filled.length)]
  .dispatchEvent(new MouseEvent('click', {bubbles: true}));
const wait = () => location.hash !== before && document.body.dataset.shown === location.hash
  ? done(performance.now() - began) : setTimeout(wait, 5);
wait();
"""

# conftest.py counts what is skipped for this reason, and repeats it once at the end.
NO_BROWSER = (
    "there is no chromium or no chromedriver here. To run them: "
    "apt-get install chromium chromium-driver"
)
# Scrolls the window until every part of the page has been at its top. At each stop the script looks
# up what a mouse would hit in the middle of each control in sight. Gives the controls that were
# seen, and those that something else covers.
COVERED = """
const CONTROLS = 'button, input, select, summary, a[href]';
const named = (one) => one.id || one.getAttribute('aria-label') || one.textContent.trim();
const inSight = (one) => {
  const {left, top, right, bottom} = one.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  for (let box = one.parentElement; box; box = box.parentElement) {
    const {overflowX, overflowY} = getComputedStyle(box);
    if (overflowX === 'visible' && overflowY === 'visible') continue;
    const clip = box.getBoundingClientRect();
    if (x < clip.left || x > clip.right || y < clip.top || y > clip.bottom) return null;
  }
  // Half a pixel from its end, a window is hit as beyond it.
  return x >= 0 && y >= 0 && x < innerWidth - 1 && y < innerHeight - 1 ? [x, y] : null;
};
const tops = [...document.querySelectorAll('section')]
  .map((one) => one.getBoundingClientRect().top + scrollY);
for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 3) tops.push(y);
const seen = new Set(), covered = [];
const look = (controls) => {
  for (const control of controls) {
    const at = control.checkVisibility() && inSight(control);
    if (!at) continue;
    seen.add(control);
    const hit = document.elementFromPoint(...at);
    if (control.contains(hit) || hit?.closest('label')?.control === control) continue;
    covered.push(`${named(control)} by ${hit?.closest('[id]')?.id}`);
  }
};
for (const top of tops) {
  window.scrollTo({top, behavior: 'instant'});
  look(document.querySelectorAll(CONTROLS));
}
for (const menu of document.querySelectorAll('.export details')) {
  menu.open = true;
  menu.querySelector('button').scrollIntoView({block: 'center', behavior: 'instant'});
  look(menu.querySelectorAll('button'));
  menu.open = false;
}
window.scrollTo({top: 0, behavior: 'instant'});
return {seen: [...seen].map(named), covered: [...new Set(covered)]};
"""

# Pairs of texts that a reader sees in a chart and whose boxes overlap by more than two pixels. A
# text without a fill is the halo of another.
OVERLAPPING = """
return [...document.querySelectorAll(`${arguments[0]} svg`)].flatMap((svg) => {
  const texts = [...svg.querySelectorAll('text')].filter((one) => one.textContent.trim() &&
    one.checkVisibility() && one.getAttribute('fill') && Number(getComputedStyle(one).opacity))
    .map((one) => [one.textContent, one.getBoundingClientRect()]);
  return texts.flatMap(([a, one], i) => texts.slice(i + 1).filter(([, two]) =>
    Math.min(one.right, two.right) - Math.max(one.left, two.left) > 2 &&
    Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > 2)
    .map(([b]) => `${svg.closest('.chart').id}: ${a} | ${b}`));
});
"""

# Texts and marks of legends that are cut off: outside of the chart's own box by more than a pixel.
CUT_OFF = """
return [...document.querySelectorAll('.chart svg')].flatMap((svg) => {
  const chart = svg.closest('.chart'), room = chart.getBoundingClientRect();
  return [...svg.querySelectorAll('text, .role-legend-symbol path')]
    .filter((one) => one.getBBox().width && Number(getComputedStyle(one).opacity))
    .map((one) => [one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => box.left < room.left - 1 || box.right > room.right + 1)
    .map(([text]) => `${chart.id}: ${text}`);
});
"""

needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER) and "CI" not in os.environ, reason=NO_BROWSER
)


@contextmanager
def chromium(folder):
    """A browser with its profile and its downloads in a folder; it logs its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_window_size(1280, 1000)
    downloads = {"behavior": "allow", "downloadPath": str(folder)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    try:
        yield driver
    finally:
        driver.quit()


def waits(browser, condition):
    """Wait for a condition, and give its value; a live page may redraw an element meanwhile."""
    redrawn = [StaleElementReferenceException]
    return WebDriverWait(browser, 60, ignored_exceptions=redrawn).until(lambda _: condition())


def settled(browser):
    """Wait until the page shows what the address asks for."""
    waits(
        browser,
        lambda: browser.execute_script(
            "return document.body.dataset.ready && document.body.dataset.shown === location.hash"
        ),
    )


def opened(browser, url):
    """Open a page afresh, and wait until all of it is drawn."""
    browser.get("about:blank")
    browser.get(url)
    settled(browser)
    return browser


def unfold(browser):
    """Open what a phone folds away, and wait until all of it is drawn."""
    browser.execute_script(
        "const folded = document.querySelectorAll('.fold:not([open])');"
        "if (folded.length) delete document.body.dataset.shown;"
        "for (const one of folded) one.open = true;"
    )
    settled(browser)


def go(browser, **parts):
    """Change the address as a bookmark would, and wait until it is shown."""
    browser.execute_script(
        "const to = new URLSearchParams(location.hash.slice(1));"
        "for (const [k, v] of Object.entries(arguments[0])) to.set(k, v);"
        "location.hash = to;",
        parts,
    )
    settled(browser)


def curves(browser, title="accuracy"):
    """The shapes of the lines on show, without the wide invisible lines that catch clicks."""
    path = f"#curve-{title.replace(' ', '-')} .mark-line path:not([stroke-opacity='0'])"
    return [p.get_attribute("d") for p in browser.find_elements(By.CSS_SELECTOR, path)]


def cells(browser):
    """Cells of the diagram by the sentence that a screen reader says of each."""
    paths = browser.find_elements(By.CSS_SELECTOR, "#diagram path[aria-label]")
    by_label = {path.get_attribute("aria-label"): path for path in paths}
    return {label: path for label, path in by_label.items() if "training rows" in label}


def click(browser, shape):
    """Click with the mouse on whatever lies on top of the middle of a shape."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shape)
    webdriver.ActionChains(browser).move_to_element(shape).click().perform()


def press(browser, css):
    """Press a button without a mouse: the sticky head of a table may cover the button."""
    browser.execute_script("document.querySelector(arguments[0]).click()", css)


def covered(browser):
    """The controls that are in sight somewhere on the way down the page, and the covered ones."""
    controls = browser.execute_script(COVERED)
    return controls["seen"], controls["covered"]


def overlapping(browser, within=".chart"):
    """Pairs of labels of a chart that lie on each other; `within` selects charts."""
    return browser.execute_script(OVERLAPPING, within)


def cut_off(browser):
    """Texts and legends of charts that do not fit into their charts."""
    return browser.execute_script(CUT_OFF)


def text(browser, id_):
    return browser.find_element(By.ID, id_).text


def folded(browser, id_):
    """The text of an element, also where it is folded away."""
    return browser.find_element(By.ID, id_).get_attribute("textContent")


@contextmanager
def emulated(browser, width=1280, scheme="light", media=""):
    """Emulate a window of some width, a light or dark scheme, and a screen or paper."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature], "media": media})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [], "media": ""})
