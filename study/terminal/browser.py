"""Opens a page that a command has written in the user's browser."""

from pathlib import Path

from study.terminal.console import note


def open_page(path: str | Path) -> None:
    """Open an HTML file or a URL; without a browser, a line on stderr says where the page is."""
    import webbrowser  # noqa: PLC0415  slow to load, and seldom needed

    address = path if "://" in str(path) else Path(path).absolute().as_uri()
    if not webbrowser.open(str(address)):
        note(f"no browser here: {address}")
