// The plane of the phase diagram: where each cell of the slice on show lies, in pixels. The slice is
// one panel, or, with facets, a panel for each value of one axis or of two.

import {axisOf, boundaryOf, cellAt, comingOf, placesOf, positionsOf} from "./cells.js";
import {lineOf} from "./lines.js";

/** @import {Axis, BoundaryPoint, Labels, State, Value, View} from "./types.js" */
/** @import {Line} from "./lines.js" */

/**
 * A position of the diagram as its template takes it (analysis/charts/diagram.py): the numbers of
 * its cell, and where it lies.
 * @typedef {object} PositionFields
 * @property {string} position indices on all axes, joined by commas
 * @property {number} cell the number of its cell, -1 where there is none
 * @property {string} cell_name its labels on all axes, as text
 * @property {number} trials 0 where there is no cell
 * @property {number} coming trials of a plan that are still to come
 * @property {number} in_training how many of these are in training
 * @property {number} x0
 * @property {number} x1
 * @property {number} xm
 * @property {number} y0
 * @property {number} y1
 * @property {number} ym
 * @property {number} panel
 *
 * @typedef {PositionFields & Record<string, Value>} Row
 *
 * One diagram among the facets: its place among them, the indices of its slice on all axes, and the
 * indices of each of its cells.
 * @typedef {{column: number, row: number, here: number[], places: number[][]}} Panel
 *
 * A side of the plane: where each column (or row) of panels begins and how long it is, in pixels.
 * @typedef {{lines: Line[], starts: number[], sizes: number[], whole: number}} Side
 *
 * @typedef {object} Plane
 * @property {Panel[]} panels
 * @property {Row[]} rows
 * @property {Side} across
 * @property {Side} up
 * @property {{x: number, y: number, text: string}[]} names of the panels
 * @property {BoundaryPoint[]} boundary
 */

// Pixels between panels, and above each for its name.
const GAP = 14, HEAD = 24;
// Pixels of a cell among facets: the smallest before facets go below each other, and the largest.
const SMALLEST = 16, LARGEST = 36;
const LETTER = 7.8;  // pixels of a letter of a panel's name, about

/**
 * Lay out the slice of a view.
 * @param {State} state
 * @param {View} view
 * @param {number} room in pixels, across
 * @param {[number, number]} steps the smallest and the largest width of a cell
 * @returns {Plane}
 */
export function planeOf(state, view, room, [smallest, largest]) {
  const [x, y] = [view.x, view.y].map((name) => axisOf(state, name));
  const panels = panelsOf(state, view);
  const faceted = view.facets.length > 0;
  const named = faceted ? LETTER * Math.max(...panels.map((panel) =>
    valuesOf(state, view, panel).join(", ").length)) : 0;
  if (view.facets.length === 1) {
    const widest = Math.max(usedOn(state, x, panels).length * SMALLEST, named) + GAP;
    wrap(panels, Math.max(1, Math.floor((room + GAP) / widest)));
  }
  // With facets on one axis all panels have the same positions; with two, each column and row has.
  const alike = view.facets.length < 2;
  /** @type {(axis: Axis, key: "column" | "row") => Line[]} */
  const linesOf = (axis, key) => {
    const count = Math.max(...panels.map((panel) => panel[key])) + 1;
    return Array.from({length: count}, (_, i) => lineOf(axis, usedOn(state, axis,
      alike ? panels : panels.filter((panel) => panel[key] === i))));
  };
  const [columns, rows] = [linesOf(x, "column"), linesOf(y, "row")];
  const cells = columns.reduce((sum, line) => sum + line.used.length, 0);
  const free = room - GAP * (columns.length - 1);
  const step = faceted ? Math.max(SMALLEST / 2, Math.min(LARGEST, free / cells))
    : Math.max(smallest, Math.min(largest, free / cells));
  const least = Math.round(step * Math.min(...columns.map((line) => line.used.length)));
  const gap = Math.max(GAP, alike ? named + 6 - least : 0);
  const across = sideOf(columns, step, gap, 0);
  if (alike) across.whole = Math.max(across.whole, Math.ceil((across.starts.at(-1) ?? 0) + named));
  const up = sideOf(rows, step, HEAD, faceted ? HEAD : 0);
  const plane = {panels, rows: /** @type {Row[]} */ ([]), across, up,
    names: faceted ? panels.map((panel) => nameOf(state, view, panel, across, up)) : [],
    boundary: panels.flatMap((panel, i) => boundaryIn(state, view, panel, i, across, up))};
  for (const [i, panel] of panels.entries()) plane.rows.push(...rowsIn(state, x, y, panel, i, across, up));
  return plane;
}

/**
 * The panels of a view, in the order of their facets: all that have cells, or else the slice alone.
 * @param {State} state
 * @param {View} view
 * @returns {Panel[]}
 */
function panelsOf(state, view) {
  const positions = positionsOf(state, view.labels);
  const drawn = [view.x, view.y];
  const fixed = state.axes.flatMap(({name}, n) =>
    drawn.includes(name) || view.facets.includes(name) ? [] : [n]);
  const own = view.facets.map((name) => state.axes.findIndex((axis) => axis.name === name));
  /** @type {Map<string, Panel>} */
  const panels = new Map();
  for (const place of placesOf(state)) {
    if (fixed.some((n) => place[n] !== positions[n])) continue;
    const [column = 0, row = 0] = own.map((n) => place[n]);
    const here = positions.slice();
    for (const n of own) here[n] = place[n];
    const key = `${row},${column}`;
    const panel = panels.get(key) ?? {column, row, here, places: []};
    panel.places.push(place);
    panels.set(key, panel);
  }
  const found = [...panels.values()].sort((a, b) => a.row - b.row || a.column - b.column);
  for (const key of /** @type {const} */ (["column", "row"])) {
    const values = [...new Set(found.map((panel) => panel[key]))].sort((a, b) => a - b);
    for (const panel of found) panel[key] = values.indexOf(panel[key]);
  }
  return found.length ? found : [{column: 0, row: 0, here: positions, places: []}];
}

/**
 * Break one row of panels into several.
 * @param {Panel[]} panels
 * @param {number} most in a row
 */
function wrap(panels, most) {
  const each = Math.ceil(panels.length / Math.ceil(panels.length / most));
  for (const [i, panel] of panels.entries()) {
    [panel.column, panel.row] = [i % each, Math.floor(i / each)];
  }
}

/**
 * The positions of an axis that some panels have cells at, with trials or with some to come, in rising order; all, where none has.
 * @param {State} state
 * @param {Axis} axis
 * @param {Panel[]} panels
 */
function usedOn(state, axis, panels) {
  const n = state.axes.indexOf(axis);
  const used = new Set(panels.flatMap(({places}) => places.map((place) => place[n])));
  return used.size ? [...used].sort((a, b) => a - b) : [...axis.labels.keys()];
}

/**
 * @param {Line[]} lines one for each column or row of panels
 * @param {number} step pixels of a cell
 * @param {number} gap pixels between panels
 * @param {number} before pixels before the first
 * @returns {Side}
 */
function sideOf(lines, step, gap, before) {
  const sizes = lines.map((line) => Math.round(step * line.used.length));
  const starts = [];
  let whole = before;
  for (const [i, size] of sizes.entries()) {
    starts.push(whole);
    whole += size + (i < sizes.length - 1 ? gap : 0);
  }
  return {lines, starts, sizes, whole};
}

/**
 * Turns shares of a panel's sides into pixels: across from the left, up from the bottom.
 * @param {Panel} panel
 * @param {Side} across
 * @param {Side} up
 */
function scalesOf({column, row}, across, up) {
  const left = across.starts[column], bottom = up.whole - up.starts[row] - up.sizes[row];
  return {
    /** @param {number} share */
    x: (share) => left + share * across.sizes[column],
    /** @param {number} share */
    y: (share) => bottom + share * up.sizes[row],
  };
}

/**
 * Every position of a panel, filled or not. The function `plane` of analysis/figures/study.py makes
 * such rows for drawings in files.
 * @param {State} state
 * @param {Axis} x
 * @param {Axis} y
 * @param {Panel} panel
 * @param {number} number of the panel
 * @param {Side} across
 * @param {Side} up
 */
function rowsIn(state, x, y, panel, number, across, up) {
  const {axes, cells} = state;
  const [column, row] = [across.lines[panel.column], up.lines[panel.row]];
  const scales = scalesOf(panel, across, up);
  const names = axes.map((axis) => axis.name);
  const columns = Object.entries(cells).filter(([name]) => !names.includes(name));
  /** @type {Row[]} */
  const rows = [];
  for (const j of row.used) {
    for (const i of column.used) {
      const here = panel.here.slice();
      here[axes.indexOf(x)] = i;
      here[axes.indexOf(y)] = j;
      const cell = cellAt(state, here);
      const [x0, x1] = column.ends(i).map(scales.x), [y0, y1] = row.ends(j).map(scales.y);
      const cell_name = axes.map((axis, n) => `${axis.title} ${axis.labels[here[n]]}`).join(", ");
      const numbers = cell === undefined ? [] : columns.map(([name, column]) => [name, column[cell]]);
      rows.push({position: here.join(), cell: cell ?? -1, cell_name, panel: number,
        x0, x1, xm: (x0 + x1) / 2, y0, y1, ym: (y0 + y1) / 2, trials: 0,
        coming: 0, in_training: 0, ...comingOf(state).get(here.join()),
        ...Object.fromEntries(numbers)});
    }
  }
  return rows;
}

/**
 * The value of a panel on each facet.
 * @param {State} state
 * @param {View} view
 * @param {Panel} panel
 */
const valuesOf = (state, view, panel) => view.facets.map((name) => {
  const axis = axisOf(state, name);
  return axis.labels[panel.here[state.axes.indexOf(axis)]];
});

/**
 * The name of a panel above it: its value on each facet, with the axis where there is room.
 * @param {State} state
 * @param {View} view
 * @param {Panel} panel
 * @param {Side} across
 * @param {Side} up
 */
function nameOf(state, view, panel, across, up) {
  const values = valuesOf(state, view, panel);
  const long = view.facets.map((name, n) => `${axisOf(state, name).title} ${values[n]}`).join(", ");
  const short = values.join(", ");
  const scales = scalesOf(panel, across, up);
  return {x: scales.x(0), y: scales.y(1),
    text: long.length * LETTER < across.sizes[panel.column] + GAP ? long : short};
}

/**
 * The boundary in a panel, where it has one. Without facets the chart cuts off what lies beyond; with
 * facets another panel may lie there, so that such points are left out.
 * @param {State} state
 * @param {View} view
 * @param {Panel} panel
 * @param {number} number of the panel
 * @param {Side} across
 * @param {Side} up
 * @returns {BoundaryPoint[]}
 */
function boundaryIn(state, view, panel, number, across, up) {
  /** @type {Labels} */
  const labels = Object.fromEntries(state.axes.map((axis, n) => [axis.name, axis.labels[panel.here[n]]]));
  const [column, row] = [across.lines[panel.column], up.lines[panel.row]];
  if (column.used.length < 2 || row.used.length < 2) return [];
  const scales = scalesOf(panel, across, up), faceted = view.facets.length > 0;
  const {points, turned} = boundaryOf(state, {...view, labels});
  const [line, scale] = turned ? [column, scales.x] : [row, scales.y];
  /** @param {Value} value */
  const within = (value) => {
    if (value === null) return null;
    const at = line.at(Number(value));
    return scale(faceted ? Math.max(0, Math.min(1, at)) : at);
  };
  return points
    .filter(({x, y}) => !faceted || [column.at(Number(x)), row.at(Number(y))]
      .every((at) => Math.abs(at - .5) <= .5))
    .map((point) => {
      const band = {low: within(point.low), high: within(point.high),
        simultaneous_low: within(point.simultaneous_low),
        simultaneous_high: within(point.simultaneous_high)};
      return {x: scales.x(column.at(Number(point.x))), y: scales.y(row.at(Number(point.y))),
        piece: `${number},${point.piece}`, order: point.order,
        ...turned ? Object.fromEntries(Object.entries(band).map(([name, at]) => [`turned_${name}`, at]))
          : band};
    });
}

/**
 * The ticks and labels of a side of the plane, and the row of the chart that they belong to.
 * @param {Axis} axis
 * @param {Side} side
 * @param {boolean} upwards whether the side goes up, from the bottom
 */
export function ticksOf(axis, {lines, starts, sizes, whole}, upwards) {
  return lines.flatMap((line, i) => line.ticks.map((share, rank) => ({
    label: axis.labels[line.used[rank]],
    at: upwards ? whole - starts[i] - sizes[i] + share * sizes[i] : starts[i] + share * sizes[i],
  })));
}
