// The curves of a cell: a chart of each reading, with a line a trial, or, where these are many, their
// median and quartiles. A line follows the mouse, and the values there stand above each chart.

import {draw} from "./charts.js";
import {asText, byId, csv, element, inputById, whole} from "./dom.js";
import {bandOf, quartilesOf, valueAt} from "./quartiles.js";
import {setup} from "./setup.js";

/** @import {CellAnswer, Chart, State, VegaView} from "./types.js" */
/** @import {Curve} from "./quartiles.js" */

/** @typedef {{event: string, epoch: number}} Marked an event to mark in the curves */

const MOST_LINES = 8;  // trials with a line each; of more, the median and the quartiles are drawn
const LETTER = 6.2, APART = 8;  // pixels of a letter of an event's name, about, and between two names
const BETWEEN = .2;  // of accuracy: room for two names between two curves
const ABOVE = 22;  // pixels above the accuracies for the names of events

export class Curves {
  /** @param {(id: string) => void} choose is told the trial whose line was clicked */
  constructor(choose) {
    this.choose = choose;
    this.width = 0;
    this.trial = "";  // that stands out
    /** @type {CellAnswer} */
    this.answer = {trials: [], readings: {trial: []}, total: 0, patience: []};
    /** @type {Record<string, Map<string, Curve[]>>} the curves by chart, and by rows */
    this.curves = {};
    /** @type {State["levels"]} */
    this.levels = [];
    /** @type {Map<string, VegaView>} the charts by their titles */
    this.views = new Map();
    inputById("every-seed").addEventListener("change", () => this.fill(this.trial));
  }

  room() { return byId("curves").clientWidth; }

  // Draw a chart of each reading that the trials have two of; without any, say so.
  /**
   * @param {CellAnswer} answer
   * @param {State["levels"]} levels
   */
  async draw(answer, levels) {
    [this.answer, this.levels] = [answer, levels];
    const {trials, readings} = answer;
    /** @param {string} name of a reading */
    const has = (name) => (readings[name]?.filter((value) => value !== null).length ?? 0) > trials.length;
    const charts = Object.entries(setup.curves).filter(([, {columns}]) => columns.some(has));
    byId("no-curves").hidden = charts.length > 0 || !trials.length;
    byId("seeds-part").hidden = trials.length <= MOST_LINES || !charts.length;
    const titles = charts.map(([title]) => title);
    if (titles.join() !== [...this.views.keys()].join() || this.width !== this.room()) {
      this.width = this.room();
      this.views.clear();
      byId("curves").replaceChildren(...titles.map(frameOf));
      for (const [title, {chart}] of charts) await this.embed(title, chart);
    }
    this.curves = Object.fromEntries(charts.map(([title, {columns}]) =>
      [title, curvesOf(answer, columns)]));
    for (const view of this.views.values()) await view.data("events", []).runAsync();
  }

  /**
   * Fill the charts: a line a trial where these are few or wanted, else their quartiles with the line
   * of the trial that stands out.
   * @param {string} id of this trial, "" for none
   */
  async fill(id) {
    this.trial = id;
    const {trials} = this.answer;
    const each = trials.length <= MOST_LINES || inputById("every-seed").checked;
    for (const [title, view] of this.views) {
      const sets = [...this.curves[title] ?? []];
      const rows = sets.flatMap(([set, curves]) => curves.flatMap(({epochs, values}, n) =>
        each || trials[n].trial_id === id ? epochs.map((epoch, i) => ({trial: trials[n].trial_id,
          seed: trials[n].seed, set, epoch, value: values[i]})) : []));
      const bands = new Map(sets.map(([set, curves]) => [set, bandOf(curves.filter(isRead))]));
      view.data("curves", rows).data("band", each ? [] : [...bands].flatMap(([set, band]) =>
        band.map((row) => ({set, ...row}))));
      if (title === "accuracy") view.data("levels", this.levels).data("names", namesOf(bands));
      await view.resize().runAsync();  // the numbers of the axis up need more room, or less
    }
  }

  /**
   * Show where the mouse is in all charts, and the median value of the trials at that epoch.
   * @param {number | null} epoch null: nowhere
   */
  async point(epoch) {
    const at = epoch === null ? [] : [{epoch}];
    for (const [title, view] of this.views) {
      const said = [...this.curves[title] ?? []].map(([set, curves]) => {
        const values = curves.map((curve) => valueAt(curve, epoch ?? 0)).filter((value) => value !== null);
        return values.length ? `${set} ${asText(Number(quartilesOf(values)[1].toPrecision(3)))}` : "";
      });
      const first = title === "accuracy" ? `epoch ${whole(Math.round(epoch ?? 0))}: ` : "";
      byId(`${idOf(title)}-said`).textContent = epoch === null ? "" : first + said.join(", ");
      await view.data("cross", at).runAsync();
    }
  }

  /**
   * The epoch under the mouse in a chart, or null beside its plot.
   * @param {string} title of the chart
   * @param {PointerEvent} event
   */
  epochAt(title, {clientX}) {
    const svg = byId(idOf(title)).querySelector("svg");
    const view = this.views.get(title);
    if (!svg || !view) return null;
    const box = svg.getBoundingClientRect();
    const size = box.width / Number(svg.getAttribute("width") ?? box.width);
    const place = (clientX - box.left) / size - view.origin()[0] - view.padding().left;
    const epoch = view.scale("x").invert(place);
    const most = Math.max(0, ...this.answer.readings.epoch?.map(Number) ?? []);
    return epoch >= 0 && epoch <= most ? epoch : null;
  }

  /**
   * Draw an empty chart into its room.
   * @param {string} title
   * @param {Chart} template
   */
  async embed(title, template) {
    const chart = structuredClone(template);
    chart.width = byId(idOf(title)).clientWidth;
    chart.height = title === "accuracy" ? 190 : 110;
    for (const {encoding} of chart.layer) Object.assign(encoding.y ?? {}, {title: null});
    chart.padding = {left: 4, right: 4, top: title === "accuracy" ? ABOVE : 4, bottom: 4};
    chart.autosize = {type: "fit-x", contains: "padding"};
    const {view} = await draw(idOf(title), chart, title, () => this.asCsv(title));
    view.addEventListener("click", (_, item) => {
      const trial = item?.datum?.trial;
      if (trial) this.choose(trial);
    });
    this.views.set(title, view);
    const room = byId(idOf(title));
    room.addEventListener("pointermove", (event) => this.point(this.epochAt(title, event)));
    room.addEventListener("pointerleave", () => this.point(null));
  }

  /**
   * Let a trial stand out, and mark events.
   * @param {string} id of the trial, "" for none
   * @param {Marked[]} marked
   */
  async highlight(id, marked) {
    const last = Math.max(1, ...this.answer.readings.epoch?.map(Number) ?? [],
      ...marked.map(({epoch}) => epoch));
    const room = this.room() - 60;
    const rules = marked.map(({epoch}) => room * Math.log1p(epoch) / Math.log1p(last));
    const long = marked.map(({event, epoch}) => `${event}: ${whole(epoch)}`);
    const fit = LETTER * long.join("").length + APART <= room;
    const names = fit ? long : long.map((name) => name.replace("half ", ""));
    const shifts = shiftsOf(rules, names.map((name) => LETTER * name.length), room);
    const events = marked.map(({epoch}, n) => ({epoch, event: names[n], shift: shifts[n]}));
    await this.fill(id);
    for (const view of this.views.values()) {
      await view.data("events", events).signal("trial", id).runAsync();
    }
  }

  /** @param {string} title of the chart whose readings to give as CSV */
  asCsv(title) {
    const {trials, readings} = this.answer;
    const names = setup.curves[title].columns.filter((name) => name in readings);
    return csv(["trial_id", "seed", "epoch", ...names], readings.trial.map((index, i) =>
      [trials[Number(index)].trial_id, trials[Number(index)].seed, readings.epoch[i],
        ...names.map((name) => readings[name][i])]));
  }
}

/**
 * How far right of its rule each event's name begins, in pixels, so that the names lie within the plot
 * and beside each other.
 * @param {number[]} rules where the rules are, in pixels, rising
 * @param {number[]} widths of the names, in pixels
 * @param {number} room of the plot
 */
function shiftsOf(rules, widths, room) {
  const starts = rules.map((at, n) => Math.max(0, Math.min(at + 2, room - widths[n])));
  if (starts.length === 2) {
    starts[0] = Math.max(0, Math.min(starts[0], starts[1] - widths[0] - APART));
    starts[1] = Math.max(starts[1], starts[0] + widths[0] + APART);
  }
  return starts.map((start, n) => start - rules[n]);
}

/** @param {Curve} curve */
const isRead = ({epochs}) => epochs.length > 0;

/**
 * The curves of some readings, by the rows that they are of: one for each trial.
 * @param {CellAnswer} answer
 * @param {string[]} columns
 */
function curvesOf({trials, readings}, columns) {
  /** @type {Map<string, Curve[]>} */
  const sets = new Map();
  for (const name of columns.filter((column) => column in readings)) {
    const set = ["train", "test"].find((word) => name.split("_").includes(word)) ?? "";
    const curves = trials.map(() => /** @type {Curve} */ ({epochs: [], values: []}));
    for (const [i, index] of readings.trial.entries()) {
      const value = readings[name][i];
      if (value === null) continue;
      curves[Number(index)].epochs.push(Number(readings.epoch[i]));
      curves[Number(index)].values.push(value);
    }
    sets.set(set, curves);
  }
  return sets;
}

/**
 * Where to write the names of training and test rows: at the epoch at which their medians are
 * furthest apart.
 * @param {Map<string, ReturnType<typeof bandOf>>} bands
 */
function namesOf(bands) {
  const [train, test] = ["train", "test"].map((set) => bands.get(set) ?? []);
  let best = null, most = -1;
  for (let i = 0; i < Math.min(train.length, test.length); i++) {
    const gap = Math.abs(train[i].median - test[i].median);
    if (train[i].epoch > 0 && gap > most) [best, most] = [i, gap];
  }
  if (best === null) return [];
  // Between the two where there is room, so that the names are clear of those of the events.
  const above = (train[best].median >= test[best].median) === (most < BETWEEN);
  return [{set: "train", epoch: train[best].epoch, value: train[best].median, above},
    {set: "test", epoch: test[best].epoch, value: test[best].median, above: !above}];
}

/** @param {string} title of a chart */
const idOf = (title) => `curve-${title.replaceAll(" ", "-")}`;

/** @param {string} title of a chart, to make its heading, its menu and its room */
function frameOf(title) {
  const frame = element("figure", "", {class: title === "accuracy" ? "large" : "small"});
  const head = element("div", "", {class: "head"});
  const menu = element("div", "", {class: "export", "data-chart": idOf(title)});
  const said = element("span", "", {class: "soft at", id: `${idOf(title)}-said`});
  head.append(element("h3", title), said, menu);
  frame.append(head, element("div", "", {class: "chart", id: idOf(title)}));
  return frame;
}
