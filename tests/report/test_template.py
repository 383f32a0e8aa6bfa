"""Pages with slots: all are filled, in one pass."""

import pytest

from analysis.report import template


def test_a_value_is_never_read_as_a_slot(monkeypatch):
    monkeypatch.setattr(template, "web_file", lambda name: f"<p>{name}: {{{{a}}}} {{{{b}}}}</p>")
    slots = {"a": r"{{b}} \1", "b": "2", "unused": "3"}
    assert template.filled("x.html", slots) == r"<p>x.html: {{b}} \1 2</p>"
    with pytest.raises(KeyError, match="'b'"):
        template.filled("x.html", {"a": "1"})
