"""The site of docs/: every page is in it, every link of a page leads somewhere."""

import subprocess
import sys
from html.parser import HTMLParser

import pytest
import transcripts
import yaml

ROOT = transcripts.ROOT


def named_in(navigation):
    """The files that the navigation names."""
    for entry in navigation:
        for target in entry.values():
            yield from named_in(target) if isinstance(target, list) else [target]


def test_every_page_is_in_the_navigation_once():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert sorted(named_in(site["nav"])) == sorted(pages | {"index.md"})


def test_every_page_of_docs_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{path.name})" in readme, path.name


class Fetched(HTMLParser):
    """What a page fetches as it opens."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in {"script", "img", "iframe"} and "src" in attributes:
            self.addresses.append(attributes["src"])
        if tag == "link" and attributes.get("rel") in {"stylesheet", "icon", "preconnect"}:
            self.addresses.append(attributes["href"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_site_is_built_and_fetches_nothing(tmp_path):
    pytest.importorskip("mkdocs", reason="the site wants pip install -e '.[docs]'")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-d", tmp_path], cwd=ROOT, check=True
    )
    pages = list(tmp_path.glob("*.html"))
    assert len(pages) > 20
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text("utf-8"))
        assert fetched.addresses
        assert not [address for address in fetched.addresses if "//" in address], page.name
    assert (tmp_path / "api" / "study" / "store" / "store.html").exists()
    assert (tmp_path / "source" / "cluster.yaml.txt").exists()
