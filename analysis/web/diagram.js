// The phase diagram: the cells of the chosen slice on two axes, as a drawing and as a table.

import {axisOf, boundaryOf, cellAt, positionsOf} from "./cells.js";
import {draw, hideEmptyGroups} from "./charts.js";
import {byId, csv, element, table, whole} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Chart, Labels, State, Value, VegaView, View} from "./types.js" */

/**
 * A position of the two axes as the diagram's template takes it (analysis/charts/diagram.py): the
 * numbers of its cell, and where it lies.
 * @typedef {object} PositionFields
 * @property {string} position indices on x and y, joined by a comma
 * @property {number} cell the number of its cell, -1 where there is none
 * @property {string} cell_name its labels on all axes, as text
 * @property {number} trials 0 where there is no cell
 *
 * @typedef {PositionFields & Record<string, Value>} Row
 */

// Pixels of a diagram's width where there is room: the legend is as wide.
const NARROWEST = 380;

/** @type {Record<string, [number, number]>} */
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

export class Diagram {
  /** @param {(labels: Labels) => void} choose is told the labels of the position that was chosen */
  constructor(choose) {
    this.choose = choose;
    this.drawn = "";  // the chart that is on show, as JSON
    /** @type {string | null} the position that the keyboard is on */
    this.cursor = null;
    /** @type {VegaView | null} */
    this.vega = null;
    /** @type {Row[]} */
    this.rows = [];
    this.refocus = false;
    this.chosen = "";  // the position of the cell on show
    const box = byId("diagram");
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => this.point(null));
  }

  /**
   * Draw the slice of a view.
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    this.state = state;
    this.view = view;
    this.rows = rowsOf(state, view);
    const chosen = this.chosen = positionOf(state, view);
    const chart = chartOf(state, view, byId("diagram").clientWidth);
    const boundary = boundaryOf(state, view);
    byId("diagram-said").textContent = [setup.captions[view.color], state.hatching_said,
      ...boundary.length ? [setup.captions.boundary] : [],
      ...state.aggregated ? ["Neighboring values of an axis (~) share a cell."] : [],
      ...setup.limits ? [setup.limits] : []].join(" ");
    const wanted = JSON.stringify(chart);
    if (wanted !== this.drawn || !this.vega) {
      this.drawn = wanted;
      this.vega = (await draw("diagram", chart, "phase-diagram", () => this.asCsv())).view;
      this.vega.addEventListener("click", (_, item) => this.pick(item?.datum?.position));
    }
    this.vega.data("cells", this.rows).data("boundary", boundary);
    this.vega.signal("cell", chosen).signal("cursor", this.cursor ?? "");
    await this.vega.resize().runAsync();
    hideEmptyGroups(byId("diagram"));
    this.fillTable(chosen);
  }

  /** The two axes that are drawn: across and up. */
  axes() {
    const {state, view} = this;
    return state && view ? [axisOf(state, view.x), axisOf(state, view.y)] : [];
  }

  /**
   * The labels of a position on the two axes that are drawn.
   * @param {string} position
   * @returns {Labels}
   */
  labels(position) {
    const indices = position.split(",").map(Number);
    return Object.fromEntries(this.axes().map((axis, n) => [axis.name, axis.labels[indices[n]]]));
  }

  /** @param {string | undefined} position to choose, if it holds trials */
  pick(position) {
    const row = this.rows.find((candidate) => candidate.position === position);
    if (row?.trials) this.choose(this.labels(row.position));
  }

  /**
   * Arrow keys move the cursor between cells; Enter and space choose; Escape hides the cursor.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const {state, view} = this;
    if (!state || !view) return;
    if (event.key in MOVES) {
      const from = (this.cursor ?? positionOf(state, view)).split(",").map(Number);
      const lasts = this.axes().map((axis) => axis.labels.length - 1);
      this.point(from.map((index, n) =>
        Math.min(lasts[n], Math.max(0, index + MOVES[event.key][n]))).join());
    } else if (event.key === "Escape") {
      this.point(null);
    } else if (["Enter", " "].includes(event.key) && this.cursor) {
      this.pick(this.cursor);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** @param {string | null} position to put the cursor on; null hides it */
  point(position) {
    this.cursor = position;
    this.vega?.signal("cursor", position ?? "").runAsync();
    const row = this.rows.find((candidate) => candidate.position === position);
    byId("cursor-said").textContent = row ? sentence(row) : "";
  }

  /**
   * The diagram once more, as a table of buttons.
   * @param {string} chosen the position of the cell on show
   */
  fillTable(chosen) {
    const [x, y] = this.axes();
    /** @type {[string, HTMLElement[]][]} */
    const rows = y.labels.map((label, j) => [label, x.labels.map((_, i) =>
      this.tableCell(this.rows[j * x.labels.length + i], chosen))]);
    byId("twin").replaceChildren(table(
      `${y.title} down, ${x.title} across; phase, and generalized of all`,
      ["", ...x.labels], rows.toReversed()));
    /** @type {HTMLElement | null} */
    const pressed = byId("twin").querySelector("[aria-pressed=true]");
    if (this.refocus) pressed?.focus();
    this.refocus = false;
  }

  /**
   * @param {Row} row
   * @param {string} chosen the position of the cell on show
   */
  tableCell(row, chosen) {
    if (!row.trials) return element("td", "no trials");
    const button = element("button", `${row.phase} ${row.generalized}/${row.trials}`,
      {type: "button", title: sentence(row), "aria-pressed": row.position === chosen});
    button.style.setProperty("--phase", setup.colors[String(row.phase)]);
    button.addEventListener("click", () => {
      this.pick(row.position);
      this.refocus = true;  // the button is replaced: its successor takes the focus
    });
    const td = element("td");
    td.append(button);
    return td;
  }

  /** The cells on show as CSV: their labels, then their numbers. */
  asCsv() {
    const {state, view} = this;
    if (!state || !view) return "";
    const names = Object.keys(state.cells).filter((name) => !(name in view.labels));
    const axes = state.axes.map((axis) => axis.name);
    const filled = this.rows.filter((row) => row.trials);
    return csv([...axes, ...names], filled.map((row) => {
      const labels = {...view.labels, ...this.labels(row.position)};
      return [...axes.map((name) => labels[name]), ...names.map((name) => row[name])];
    }));
  }
}

/**
 * The indices of the view's cell on the two axes that are drawn, joined.
 * @param {State} state
 * @param {View} view
 */
const positionOf = (state, view) => [view.x, view.y]
  .map((name) => axisOf(state, name).labels.indexOf(view.labels[name])).join();

/**
 * The rows of a diagram: every position of the two axes in the view's slice, filled or not. The
 * function `plane` of analysis/figures/study.py makes the same rows for drawings in files.
 * @param {State} state
 * @param {View} view
 */
function rowsOf(state, view) {
  const {axes, cells} = state;
  const [x, y] = [axisOf(state, view.x), axisOf(state, view.y)];
  const positions = positionsOf(state, view.labels);
  const columns = Object.entries(cells).filter(([name]) => !(name in view.labels));
  /** @type {Row[]} */
  const rows = [];
  for (let j = 0; j < y.labels.length; j++) {
    for (let i = 0; i < x.labels.length; i++) {
      const here = positions.slice();
      here[axes.indexOf(x)] = i;
      here[axes.indexOf(y)] = j;
      const cell = cellAt(state, here);
      const [x0, x1, xm] = x.spans[i], [y0, y1, ym] = y.spans[j];
      const cell_name = axes.map((axis, n) => `${axis.title} ${axis.labels[here[n]]}`).join(", ");
      const numbers = cell === undefined ? [] : columns.map(([name, column]) => [name, column[cell]]);
      rows.push({position: `${i},${j}`, cell: cell ?? -1, cell_name, x0, x1, xm, y0, y1, ym, trials: 0,
        ...Object.fromEntries(numbers)});
    }
  }
  return rows;
}

/**
 * The template of a coloring with the axes laid over it, in the room that there is. The function
 * `laid_out` of analysis/charts/layout.py does the same for drawings in files.
 * @param {State} state
 * @param {View} view
 * @param {number} room in pixels
 * @returns {Chart}
 */
function chartOf(state, view, room) {
  const [x, y] = [axisOf(state, view.x), axisOf(state, view.y)];
  const chart = structuredClone(setup.diagrams[view.color]);
  const margin = 52 + 7 * Math.max(...y.labels.map((label) => label.length));
  const [smallest, largest] = setup.steps;
  const step = Math.max(smallest, Math.min(largest, (room - margin) / x.labels.length));
  const width = Math.max(step * x.labels.length + margin, NARROWEST);
  chart.width = Math.min(room, Math.round(width));
  chart.height = Math.round(step * y.labels.length);
  chart.autosize = {type: "fit-x", contains: "padding"};
  for (const {encoding} of chart.layer) {
    Object.assign(encoding.x, x.channel);
    Object.assign(encoding.y, y.channel);
    const color = encoding.color;
    if (color?.field === "phase" && room < 460) color.legend.columns = 2;
    if (color?.field === "generalized_median_epoch") {
      color.scale.domain = state.epochs.domain;
      color.legend.values = state.epochs.values;
    }
  }
  return chart;
}

/**
 * What is said of a cell. A screen reader hears the same of its drawing, by `TEXTS["sentence"]` of
 * analysis/charts/diagram.py.
 * @param {Row} row
 */
function sentence(row) {
  if (!row.trials) return `${row.cell_name}: no trials`;
  const median = row.generalized_median_epoch === null
    ? `> ${whole(Number(row.watched_epochs))}` : whole(Number(row.generalized_median_epoch));
  return `${row.cell_name}: ${row.phase}, ${row.generalized}/${row.trials} generalized, ` +
    `median epoch ${median}${row.hatched ? ", short-watched" : ""}`;
}
