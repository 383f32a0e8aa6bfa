"""The live page below a path of a proxy: assets, answers, downloads and the token's cookie."""

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from asking import Answer, serving, without_fits
from browsing import CLICK_A_CELL, curves, needs_chromium, opened, waits
from proxying import nginx, proxied
from simulated import QUICK, simulate

from analysis.cli import main

FEW = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": [0.001, 0.01], "train_size": [400, 600]}}
PATH, NAME = "/hub/user/ada/proxy/8000", "study.localhost"
WAYS = pytest.mark.parametrize("strips", [True, False], ids=["stripped", "whole"])


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("fitted"):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", FEW)


def through(port):
    """What `Answer` asks: the proxy instead of the server."""
    return type("Proxy", (), {"url": f"http://127.0.0.1:{port}/"})


@WAYS
def test_all_is_answered_below_the_path_of_a_proxy(store, strips):
    with (
        serving(store, "127.0.0.1", 0, f"{PATH}/", [NAME]) as served,
        proxied(urlsplit(served.url).port, PATH, strips=strips, keeps_host=True) as port,
    ):
        proxy = through(port)
        assert urlsplit(served.url).path == f"{PATH}/"
        assert not served.open
        assert Answer(proxy, f"{PATH}/", Host=NAME).status == 403
        entered = Answer(proxy, served.behind, Host=NAME)
        assert b'content="0; url=./"' in entered.body
        cookie, *rules = entered.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict"} == set(rules), "a path would be that of the server"
        page = Answer(proxy, f"{PATH}/", Host=NAME, Cookie=cookie)
        for name in re.findall(r'(?:src|href)="([^":]+)"', page.body.decode()):
            asset = Answer(proxy, urljoin(f"{PATH}/", name), Host=NAME, Cookie=cookie)
            assert asset.status == 200, name
        state = Answer(proxy, f"{PATH}/api/state", Host=NAME, Cookie=cookie)
        assert state.json["trials"] == 20
        file = Answer(proxy, f"{PATH}/api/download?format=csv", Host=NAME, Cookie=cookie)
        assert len(file.body.splitlines()) == 21
        for name in ("evil.example", f"{NAME}.evil.example"):
            assert Answer(proxy, f"{PATH}/api/state", Host=name, Cookie=cookie).status == 400


def test_without_a_slash_at_its_end_the_path_leads_to_the_page(store):
    with serving(store, "127.0.0.1", 0, PATH) as served:
        answer = Answer(served, f"{PATH}?a=1")
        assert (answer.status, answer.headers["Location"]) == (307, f"{PATH}/?a=1")
        assert Answer(served, f"{PATH}/").status == Answer(served, "/").status == 200
        assert Answer(served, f"{PATH}x/").status == 404


def test_a_proxy_that_asks_by_the_name_of_this_machine_needs_no_flags(store):
    with (
        serving(store) as served,
        proxied(urlsplit(served.url).port, PATH, strips=True, keeps_host=False) as port,
    ):
        assert Answer(through(port), f"{PATH}/api/state", Host="any.example").json["trials"] == 20


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--root-path", "proxy"], "--root-path 'proxy'; it is the path of an address"),
        (["--root-path", "/a b"], "--root-path '/a b'; it is the path of an address"),
        (["--allow-host", "*"], "--allow-host '*'; it is the name of a host"),
        (["--allow-host", "https://a.example/"], "it is the name of a host"),
    ],
)
def test_a_path_or_a_name_that_is_none_is_refused(run_main, store, flags, sentence):
    code, out, err = run_main(main, "serve", store, *flags)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert sentence in err


@pytest.mark.slow
@needs_chromium
@WAYS
def test_a_browser_sees_the_page_below_the_path_of_a_proxy(browser, folder, store, strips):
    with (
        serving(store, "127.0.0.1", 0, PATH, [NAME]) as served,
        proxied(urlsplit(served.url).port, PATH, strips=strips, keeps_host=True) as port,
    ):
        _look(browser, folder, f"http://{NAME}:{port}", PATH, served.behind)


def _look(browser, folder, origin, prefix, address):
    """Open the page through a proxy, click a cell, download the trials; all goes below the path."""
    opened(browser, f"{origin}{address}")
    assert browser.current_url.partition("#")[0] == f"{origin}{prefix}/"
    browser.execute_async_script(CLICK_A_CELL)
    assert len(curves(browser)) == 2 * 5
    for file in folder.glob("*.csv"):
        file.unlink()
    browser.execute_script("document.querySelectorAll('#downloads button')[0].click()")
    path = waits(browser, lambda: next(folder.glob("*.csv"), None))
    assert len(path.read_text().splitlines()) == 21
    named = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    asked = [name for name in browser.execute_script(named) if not name.startswith("data:")]
    assert len(asked) > 5
    assert all(name.startswith(f"{origin}{prefix}/") for name in asked)
    assert browser.get_log("browser") == []


HOW_TO = Path(__file__).parents[2] / "docs" / "how-to.md"
LOCATIONS = re.findall(r"```nginx\n(.+)\n```", HOW_TO.read_text())


@pytest.mark.slow
@needs_chromium
@pytest.mark.skipif(not shutil.which("nginx"), reason="there is no nginx here")
@pytest.mark.parametrize("location", LOCATIONS, ids=["stripped", "whole"])
def test_nginx_shows_the_page_as_the_how_to_says(browser, folder, tmp_path, store, location):
    prefix = re.search(r"location (/.*)/ ", location)[1]
    flags = ("", []) if "Host" not in location else (prefix, [NAME])
    with serving(store, "127.0.0.1", 0, *flags) as served:
        port = urlsplit(served.url).port
        with nginx(tmp_path, location.replace("127.0.0.1:8000", f"127.0.0.1:{port}")) as proxy:
            address = served.behind if flags[1] else f"{prefix}/"
            _look(browser, folder, f"http://{NAME}:{proxy}", prefix, address)
