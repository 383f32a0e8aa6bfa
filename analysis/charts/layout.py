"""Where the cells of a phase diagram lie: the axes of a study, laid over the template."""

import copy
import json
import math

from analysis.charts.theme import Channel, Specification
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.quantities import Ramp

DIAGRAM_SIZE = (460, 320)  # width and height of a diagram, in pixels
CELL_PIXELS = (22, 58)  # smallest and largest width of a cell, in pixels

# Pixels between labels, and between entries of a legend, of a drawing in a file: the font of its
# reader may be wider than the font that it was laid out in.
_APART = 12


def spans(ruler: Ruler) -> list[tuple[float, float, float]]:
    """The low end, the high end and the middle of each position, in units of the axis.

    The middle is where the drawn position has its middle: on a logarithmic axis, at the geometric
    mean. Positions of an ordinal ruler are 1 apart.
    """
    if not ruler.edges:
        return [(i - 0.5, i + 0.5, i) for i in range(len(ruler.labels))]
    return [
        (low, high, math.sqrt(low * high) if ruler.scale == "log" else (low + high) / 2)
        for low, high in zip(ruler.edges, ruler.edges[1:], strict=False)
    ]


def channel(ruler: Ruler) -> Channel:
    """How an axis of the study is drawn, across or up: its title, scale and ticks."""
    ticks = list(ruler.centers or range(len(ruler.labels)))
    edges = ruler.edges or (-0.5, len(ruler.labels) - 0.5)
    kind = {"type": "log"} if ruler.scale == "log" else {"type": "linear", "zero": False}
    label = f"{json.dumps(ruler.labels)}[indexof({json.dumps(ticks)}, datum.value)]"
    return {
        "title": TITLES[ruler.name],
        "scale": {**kind, "domain": [edges[0], edges[-1]], "nice": False},
        "axis": {
            "values": ticks,
            "labelExpr": label,
            "grid": False,
            "labelOverlap": "greedy",
            "labelSeparation": 3,
            "labelFontSize": 11,
        },
    }


def laid_out(
    template: Specification, x: Channel, y: Channel, ramp: Ramp | None, size: tuple[int, int]
) -> Specification:
    """A diagram's template with the axes of a study laid over it; diagram.js does the same.

    Args:
        template: of `diagram_template`; it stays as it is.
        x: the channel of the axis across.
        y: the channel of the axis up.
        ramp: the color scale of the quantity; None for phases.
        size: width and height in pixels.
    """
    chart = copy.deepcopy(template)
    chart["width"], chart["height"] = size
    chart["config"]["legend"]["columnPadding"] = _APART
    x = {**x, "axis": {**x["axis"], "labelSeparation": _APART}}
    for layer in chart["layer"]:
        encoding = layer["encoding"]
        encoding["x"] |= x
        encoding["y"] |= y
        if ramp is not None and encoding.get("color", {}).get("field") == "value":
            _color(encoding["color"], ramp)
    given = {} if ramp is None else {"form": ramp["form"], "waits": ramp["waits"]}
    for param in chart["params"]:
        param["value"] = given.get(param["name"], param["value"])
    return chart


def _color(color: Channel, ramp: Ramp) -> None:
    """Lay the color scale of a quantity over the channel of a template."""
    kind = "linear" if ramp["scale"] == "share" else ramp["scale"]
    color["scale"] |= {"type": kind, "domain": ramp["domain"]}
    color["legend"] |= {"title": ramp["unit"]}
    if ramp["values"]:
        color["legend"] |= {"values": ramp["values"]}
    if ramp["form"] != ",":
        color["legend"] |= {"labelExpr": f"format(datum.value, '{ramp['form']}')"}


def size_of(columns: int, rows: int) -> tuple[int, int]:
    """The width and height of a diagram in pixels.

    Args:
        columns: how many positions are across.
        rows: how many positions are up.
    """
    width, height = DIAGRAM_SIZE
    smallest, largest = CELL_PIXELS
    cell = max(smallest, min(largest, width // columns, height // rows))
    return cell * columns, cell * rows
