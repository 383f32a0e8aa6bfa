"""The page's modules are joined into one script, in the order of their imports."""

import re

import pytest

from analysis.report.scripts import joined_modules

FILES = {
    "a.js": 'import {b} from "./b.js";\nimport {\n  c, d,\n} from "./c.js";\nb(c, d);\n',
    "b.js": 'import {c} from "./c.js";\nexport async function b() { return c; }\n',
    "c.js": "/** @type {number} */\nexport const c = 1;\nconst own = 2;\nexport class d {}\n",
    "types.js": "/**\n * @param {x} a\n */\nf(1);\n  /** @type {A} */ (g)(2);\n"
    "  /** @type {B} */\nh(3);\n",
    "circle.js": 'import {back} from "./back.js";\nexport const circle = back;\n',
    "back.js": 'import {circle} from "./circle.js";\nexport const back = circle;\n',
    "lacks.js": 'import {own} from "./c.js";\n',
    "nowhere.js": 'import {x} from "./missing.js";\n',
    "default.js": "export default 3;\n",
    "star.js": 'import * as c from "./c.js";\n',
}


def read(name):
    if name not in FILES:
        raise FileNotFoundError(name)
    return FILES[name]


def test_each_module_comes_once_after_those_that_it_imports():
    script = joined_modules("a.js", read)
    assert re.findall(r'modules\["(\w\.js)"\] =', script) == ["c.js", "b.js", "a.js"]
    assert 'const {c} = modules["c.js"];' in script
    assert "\nasync function b() { return c; }\nreturn {b};\n" in script
    assert "return {c, d};" in script
    assert not re.search(r"^(import|export)", script, re.MULTILINE)


def test_types_are_left_out_where_they_are_lines_of_their_own():
    assert "\nf(1);\n  /** @type {A} */ (g)(2);\nh(3);\nreturn {};\n" in joined_modules(
        "types.js", read
    )


@pytest.mark.parametrize(
    ("entry", "error", "said"),
    [
        ("circle.js", ValueError, "circle.js imports back.js imports circle.js"),
        ("lacks.js", ValueError, "c.js does not export 'own'"),
        ("nowhere.js", FileNotFoundError, "missing.js"),
        ("default.js", ValueError, "'export default 3;'"),
        ("star.js", ValueError, "import \\* as c"),
    ],
)
def test_what_cannot_be_joined_is_an_error(entry, error, said):
    with pytest.raises(error, match=said):
        joined_modules(entry, read)


def test_the_page_needs_every_module_of_its_folder(tmp_path):
    from importlib import resources

    web = resources.files("analysis") / "web"
    files = {file.name for file in web.iterdir() if file.name.endswith(".js")}
    assert set(re.findall(r'modules\["([\w.]+)"\] =', joined_modules("page.js"))) == files
