// The phase diagram: the cells of the chosen slice on two axes, as a drawing and as a table.

import {axisOf, comingSaid, positionsOf} from "./cells.js";
import {draw, hideEmptyGroups} from "./charts.js";
import {byId, csv, element, table, whole} from "./dom.js";
import {planeOf, ticksOf} from "./plane.js";
import {setup} from "./setup.js";
import {showSigns} from "./signs.js";

/** @import {Axis, Chart, ColorChannel, Labels, Ramp, Selected, State, VegaView, View} from "./types.js" */
/** @import {Plane, Row, Side} from "./plane.js" */

// Pixels of a diagram's width where there is room: the legend is as wide.
const NARROWEST = 380;
const WIDE = 640;  // pixels; the legend of a chart that is narrower has several rows

/**
 * Where a key leads: along x or along y, forwards or backwards.
 * @type {Record<string, ["x" | "y", 1 | -1]>}
 */
const MOVES = {ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", 1], ArrowDown: ["y", -1]};

export class Diagram {
  /** @param {(labels: Labels) => void} choose is told the labels of the position that was chosen */
  constructor(choose) {
    this.choose = choose;
    this.drawn = "";  // the chart that is on show, as JSON
    /** @type {string | null} the position that the keyboard is on */
    this.cursor = null;
    /** @type {VegaView | null} */
    this.vega = null;
    /** @type {Plane | null} */
    this.plane = null;
    this.refocus = false;
    this.brushing = false;  // whether the mouse draws a rectangle, or has just done so
    this.chosen = "";  // the position of the cell on show
    const box = byId("diagram");
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => this.point(null));
  }

  /**
   * Draw the slice of a view.
   * @param {State} state
   * @param {View} view
   * @param {Selected | null} selected trials; cells without any are dimmed
   */
  async show(state, view, selected) {
    this.state = state;
    this.view = view;
    const chosen = this.chosen = positionsOf(state, view.labels).join();
    byId("pair").classList.toggle("wide", view.facets.length > 1);
    const room = byId("diagram").clientWidth;
    const plane = this.plane = planeOf(state, view, room - marginOf(state, view), setup.steps);
    const chart = chartOf(state, view, room, plane);
    showSigns(state, view, plane);
    const wanted = JSON.stringify(chart);
    if (wanted !== this.drawn || !this.vega) {
      this.drawn = wanted;
      this.vega = (await draw("diagram", chart, "phase-diagram", () => this.asCsv())).view;
      this.vega.addEventListener("click", (_, item) => this.brushing || this.pick(item?.datum?.position));
    }
    const column = state.ramps[view.color]?.column;
    for (const row of plane.rows) {
      row.value = column ? row[column] ?? null : null;
      row.dimmed = selected !== null && !selected.cells[row.cell];
    }
    this.vega.data("cells", plane.rows).data("boundary", plane.boundary).data("facets", plane.names);
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
   * The first and the last label on each axis of the cells whose middles lie in a box of the window.
   * @param {{left: number, top: number, width: number, height: number}} box
   * @returns {Record<string, [string, string]> | null} null where no cell does
   */
  endsWithin({left, top, width, height}) {
    const svg = byId("diagram").querySelector("svg");
    const {vega, state} = this;
    if (!svg || !vega || !state) return null;
    const plot = svg.getBoundingClientRect();
    const size = plot.width / Number(svg.getAttribute("width") ?? plot.width);
    const [x, y] = [vega.scale("x"), vega.scale("y")], [right, down] = vega.origin();
    const padding = vega.padding();
    const within = this.rows.filter(({xm, ym, trials}) => {
      const across = plot.left + size * (right + padding.left + x(xm)) - left;
      const below = plot.top + size * (down + padding.top + y(ym)) - top;
      return trials && across >= 0 && across <= width && below >= 0 && below <= height;
    }).map(({position}) => position.split(",").map(Number));
    if (!within.length) return null;
    return Object.fromEntries(state.axes.map(({name, labels}, n) => {
      const indices = within.map((position) => position[n]);
      return [name, [labels[Math.min(...indices)], labels[Math.max(...indices)]]];
    }));
  }

  /** The cells on show, and the positions without one. */
  get rows() { return this.plane?.rows ?? []; }

  /**
   * The labels of a position on all axes.
   * @param {string} position
   * @returns {Labels}
   */
  labels(position) {
    const indices = position.split(",").map(Number);
    return Object.fromEntries((this.state?.axes ?? []).map((axis, n) =>
      [axis.name, axis.labels[indices[n]]]));
  }

  /** @param {string | undefined} position to choose, if it holds trials or will hold some */
  pick(position) {
    const row = this.rows.find((candidate) => candidate.position === position);
    if (row?.trials || row?.coming) this.choose(this.labels(row.position));
  }

  /**
   * Arrow keys move the cursor between cells; Enter and space choose; Escape hides the cursor.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (event.key in MOVES) {
      this.point(this.beside(this.cursor ?? this.chosen, ...MOVES[event.key]));
    } else if (event.key === "Escape") {
      this.point(null);
    } else if (["Enter", " "].includes(event.key) && this.cursor) {
      this.pick(this.cursor);
    } else {
      return;
    }
    event.preventDefault();
  }

  /**
   * The position beside another, in the next panel where a panel ends.
   * @param {string} position
   * @param {"x" | "y"} along
   * @param {1 | -1} sign
   */
  beside(position, along, sign) {
    const from = this.rows.find((row) => row.position === position) ?? this.rows[0];
    const [middle, other] = along === "x" ? /** @type {const} */ (["xm", "ym"]) : /** @type {const} */ (["ym", "xm"]);
    const [low, high] = along === "x" ? /** @type {const} */ (["y0", "y1"]) : /** @type {const} */ (["x0", "x1"]);
    let nearest = from, least = Infinity;
    for (const row of this.rows) {
      const away = sign * (row[middle] - from[middle]);
      if (away <= 0 || away >= least || row[other] < from[low] || row[other] > from[high]) continue;
      [nearest, least] = [row, away];
    }
    return nearest.position;
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
    const {plane} = this;
    const [x, y] = this.axes();
    if (!plane) return;
    byId("twin").replaceChildren(...plane.panels.map((panel, number) => {
      const [columns, lines] = [plane.across.lines[panel.column], plane.up.lines[panel.row]]
        .map((line) => line.used);
      const cells = this.rows.filter((row) => row.panel === number);
      /** @type {[string, HTMLElement[]][]} */
      const rows = lines.map((j, at) => [y.labels[j], columns.map((_, i) =>
        this.tableCell(cells[at * columns.length + i], chosen))]);
      const name = plane.names.length ? `${plane.names[number].text}: ` : "";
      return table(`${name}${y.title} down, ${x.title} across; phase, and generalized of all`,
        ["", ...columns.map((i) => x.labels[i])], rows.toReversed());
    }));
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
    if (!row.trials) return element("td", row.coming ? comingSaid(row) : "no trials");
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
      const labels = this.labels(row.position);
      return [...axes.map((name) => labels[name]), ...names.map((name) => row[name])];
    }));
  }
}

/**
 * Pixels beside the plane, for the labels and the title of the axis up.
 * @param {State} state
 * @param {View} view
 */
const marginOf = (state, view) =>
  52 + 7 * Math.max(...axisOf(state, view.y).labels.map((label) => label.length));

/**
 * The template of a coloring with the axes laid over it, in the room that there is. The function
 * `laid_out` of analysis/charts/layout.py does the same for drawings in files.
 * @param {State} state
 * @param {View} view
 * @param {number} room in pixels
 * @param {Plane} plane
 * @returns {Chart}
 */
function chartOf(state, view, room, plane) {
  const ramp = state.ramps[view.color];
  const chart = structuredClone(setup.diagrams[ramp ? "quantity" : "phase"]);
  const width = Math.max(plane.across.whole + marginOf(state, view), NARROWEST);
  chart.width = Math.min(room, Math.round(width));
  chart.height = plane.up.whole;
  chart.autosize = {type: "fit-x", contains: "padding"};
  const x = channelOf(axisOf(state, view.x), plane.across, false);
  const y = channelOf(axisOf(state, view.y), plane.up, true);
  for (const {encoding} of chart.layer) {
    Object.assign(encoding.x, x);
    Object.assign(encoding.y, y);
    const color = encoding.color;
    if (color?.field === "kind" && chart.width < WIDE) color.legend.columns = room < NARROWEST ? 2 : 3;
    if (ramp && color?.field === "value") colorBy(ramp, color);
  }
  const given = ramp ? {form: ramp.form, waits: ramp.waits} : {};
  for (const param of chart.params) param.value = Reflect.get(given, param.name) ?? param.value;
  return chart;
}

/**
 * Lay the color scale of a quantity over the channel of a template.
 * @param {Ramp} ramp
 * @param {ColorChannel} color
 */
function colorBy({scale, domain, values, unit, form}, color) {
  Object.assign(color.scale, {type: scale === "share" ? "linear" : scale, domain});
  Object.assign(color.legend, {title: unit, ...values.length && {values},
    ...form !== "," && {labelExpr: `format(datum.value, '${form}')`}});
}

/**
 * How a side of the plane is drawn: its title, and a label at each position.
 * @param {Axis} axis
 * @param {Side} side
 * @param {boolean} upwards whether the side goes up, from the bottom
 */
function channelOf(axis, side, upwards) {
  const ticks = ticksOf(axis, side, upwards);
  const values = ticks.map(({at}) => at);
  const labels = JSON.stringify(ticks.map(({label}) => label));
  return {title: axis.title, scale: {type: "linear", domain: [0, side.whole], nice: false, zero: false},
    axis: {...axis.channel.axis, values,
      labelExpr: `${labels}[indexof(${JSON.stringify(values)}, datum.value)]`}};
}

/**
 * What is said of a cell. A screen reader hears the same of its drawing, by `TEXTS["sentence"]` of
 * analysis/charts/diagram.py.
 * @param {Row} row
 */
function sentence(row) {
  if (!row.trials) return `${row.cell_name}: ${row.coming ? comingSaid(row) : "no trials"}`;
  const median = row.generalized_median_epoch === null
    ? `> ${whole(Number(row.watched_epochs))}` : whole(Number(row.generalized_median_epoch));
  return `${row.cell_name}: ${row.phase}, ${row.generalized}/${row.trials} generalized, ` +
    `median epoch ${median}${row.hatched ? ", short-watched" : ""}` +
    (row.coming ? `, ${comingSaid(row)}` : "");
}
