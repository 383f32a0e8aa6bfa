"""Draws docs/house.svg, the picture of the house, from the imports of the code and from its floors.

    python docs/house.py            write the picture
    python docs/house.py --check    exit 1 where it is out of date; print the counts of the house

A room is a folder of `study/` or `analysis/`, or a module that lies beside the folders. The floors
are those of the import linter in pyproject.toml. An arrow goes from a room to a room it imports;
an arrow that follows from others is not drawn. `errors` and `lazy` are on every path, so nothing
points to them.
"""

import ast
import re
import statistics
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"
HOUSES = ("study", "analysis")
UNDRAWN = ("__main__", "errors", "lazy")

BOX_WIDTH, BOX_HEIGHT, FLOOR_HEIGHT, GAP, MARGIN = 216, 62, 104, 22, 30
LETTERS_A_LINE = 30
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1c1c1c }
    .name { font-weight: 600; font-size: 13px }
    .house { font-weight: 600; font-size: 18px }
    rect { fill: #f4f1ea; stroke: #8a8170 }
    path { fill: none; stroke: #5b7a99; stroke-width: 1.2; marker-end: url(#tip) }
"""


@dataclass(frozen=True, slots=True)
class House:
    """A package: its floors from the top, its arrows, and how many lines its modules have."""

    name: str
    floors: tuple[tuple[str, ...], ...]
    arrows: frozenset[tuple[str, str]]
    lines: dict[str, int]

    @property
    def rooms(self) -> list[str]:
        """Every room but the undrawn ones, from the top."""
        return [room for floor in self.floors for room in floor if room not in UNDRAWN]

    @property
    def needed(self) -> list[tuple[str, str]]:
        """The arrows that do not follow from two or more others, in a fixed order."""
        below: dict[str, set[str]] = {}
        for room in reversed(self.rooms):
            direct = {there for here, there in self.arrows if here == room}
            below[room] = direct.union(*(below.get(other, set()) for other in direct))
        return sorted(
            (here, there)
            for here, there in self.arrows
            if not any(
                (here, other) in self.arrows and there in below.get(other, ())
                for other in self.rooms
                if other != there
            )
        )


def read_house(name: str) -> House:
    """A package as it stands: floors from pyproject.toml, arrows and lines from its modules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [layers] = [found["layers"] for found in contracts if found.get("containers") == [name]]
    floors = tuple(tuple(room.strip() for room in layer.split("|")) for layer in layers)
    rooms = {room for floor in floors for room in floor}
    arrows, lines = set(), {}
    for path in sorted((ROOT / name).rglob("*.py")):
        parts = path.relative_to(ROOT / name).with_suffix("").parts
        source = path.read_text("utf-8")
        lines["/".join((name, *parts))] = len(source.splitlines())
        if parts[0] in {"__init__", *UNDRAWN}:
            continue
        for imported in imported_by(ast.parse(source)):
            package, _, rest = imported.partition(".")
            room = rest.split(".")[0]
            if package == name and room in rooms and room not in {parts[0], *UNDRAWN}:
                arrows.add((parts[0], room))
    return House(name, floors, frozenset(arrows), lines)


def imported_by(module: ast.Module) -> set[str]:
    """Dotted names that a module imports, at its top or within a function."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def sentence_of(house: str, room: str) -> str:
    """What a room's docstring says first: up to a stop, a colon or a semicolon."""
    folder = ROOT / house / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return re.split(r"[.:;](?:\s|$)", text)[0].replace("\n", " ").replace("`", "")


def drawn(houses: list[House]) -> str:
    """The picture as SVG: one house beside the other, the floors from the top."""
    arrows, boxes, left, height = [], [], MARGIN, 0.0
    for house in houses:
        floors = [[room for room in floor if room not in UNDRAWN] for floor in house.floors]
        floors = [floor for floor in floors if floor]
        across = max(map(len, floors)) * (BOX_WIDTH + GAP) - GAP
        boxes.append(f'<text class="house" x="{left}" y="{MARGIN}">{house.name}/</text>')
        corners: dict[str, tuple[float, float]] = {}
        for number, floor in enumerate(floors):
            start = left + (across - len(floor) * (BOX_WIDTH + GAP) + GAP) / 2
            for index, room in enumerate(floor):
                corner = start + index * (BOX_WIDTH + GAP), MARGIN * 1.7 + number * FLOOR_HEIGHT
                corners[room] = corner
                boxes.append(_box(house.name, room, *corner))
        # Arrows lie below the boxes: a long one passes behind those between.
        arrows += [_arrow(corners[here], corners[there]) for here, there in house.needed]
        left += across + 3 * MARGIN
        height = max(height, MARGIN * 2.7 + len(floors) * FLOOR_HEIGHT - GAP)
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#5b7a99;stroke:none"/></marker>'
    )
    size = left - 2 * MARGIN, height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]:g} {size[1]:g}" '
        f'role="img" aria-label="The rooms of study and analysis and what they import">'
    )
    back = f'<rect width="{size[0]:g}" height="{size[1]:g}" style="fill:#ffffff;stroke:none"/>'
    style = f"<style>{STYLE}</style><defs>{tip}</defs>"
    return "\n".join([head, style, back, *arrows, *boxes, "</svg>\n"])


def _box(house: str, room: str, x: float, y: float) -> str:
    words = textwrap.wrap(sentence_of(house, room), LETTERS_A_LINE)
    shown = words[:2] if len(words) <= 2 else [words[0], words[1].rstrip(".,;:") + " ..."]
    lines = "".join(
        f'<text x="{x + 10:g}" y="{y + 36 + 15 * number:g}">{escape(line)}</text>'
        for number, line in enumerate(shown)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text class="name" x="{x + 10:g}" y="{y + 19:g}">{room}</text>{lines}'
    )


def _arrow(here: tuple[float, float], there: tuple[float, float]) -> str:
    x0, y0 = here[0] + BOX_WIDTH / 2, here[1] + BOX_HEIGHT
    x1, y1 = there[0] + BOX_WIDTH / 2, there[1]
    if y1 - y0 < FLOOR_HEIGHT or x0 != x1:
        middle = (y0 + y1) / 2
        return f'<path d="M{x0:g} {y0:g}C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}"/>'
    side = x0 + BOX_WIDTH * 0.62  # past the boxes between
    return f'<path d="M{x0:g} {y0:g}C{side:g} {y0 + 30:g} {side:g} {y1 - 30:g} {x1:g} {y1:g}"/>'


def counts(house: House) -> str:
    """The house in numbers, a line."""
    sizes = [count for name, count in house.lines.items() if not name.endswith("__")]
    return (
        f"{house.name}: {len(house.rooms)} rooms, {len(house.arrows)} arrows, "
        f"{len(sizes)} modules, median {statistics.median(sizes):g} lines, longest {max(sizes)}"
    )


def main() -> int:
    """Write the picture, or check it and print the counts."""
    houses = [read_house(name) for name in HOUSES]
    picture = drawn(houses)
    for house in houses:
        sys.stdout.write(counts(house) + "\n")
    if "--check" in sys.argv:
        if PICTURE.read_text("utf-8") != picture:
            sys.stderr.write("docs/house.svg is out of date; run `python docs/house.py`.\n")
            return 1
        return 0
    PICTURE.write_text(picture, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
