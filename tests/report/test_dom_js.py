"""What the page's scripts write is what Python writes."""

import pytest
from browsing import chromium, needs_chromium
from duration_cases import DURATIONS

from analysis.report.scripts import joined_modules
from analysis.report.template import web_file

pytestmark = needs_chromium
ASK = 'import {durationInWords} from "./dom.js";\nwindow.words = durationInWords;\n'


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    script = joined_modules("ask.js", lambda name: ASK if name == "ask.js" else web_file(name))
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.execute_script(script)
        yield browser


def test_a_duration_is_said_as_in_python(browser):
    seconds = list(DURATIONS)
    said = browser.execute_script("return arguments[0].map(words)", seconds)
    assert dict(zip(seconds, said, strict=True)) == DURATIONS
