// The panel beside the diagram: the trials of the chosen cell as curves and rows, and one of them
// with all its columns.

import {isTrial} from "./address.js";
import {cellAt, positionsOf} from "./cells.js";
import {draw} from "./charts.js";
import {asText, byId, csv, element, percent, table, whole, words} from "./dom.js";
import {setup} from "./setup.js";

/** @import {CellAnswer, CellPatience, Chart, Source, State, Value, VegaView, View} from "./types.js" */

/** @typedef {{event: string, epoch: number}} Marked an event to mark in the curves */

/** @type {CellAnswer} */
const NO_TRIALS = {trials: [], readings: {trial: []}, total: 0, patience: []};

/**
 * How many trials of a cell have a flag; what the flag means shows on hover and focus.
 * @param {number} count
 * @param {string} name of the flag
 */
function flagged(count, name) {
  const said = `${whole(count)} ${name.replaceAll("_", "-")}`;
  const meaning = setup.flags[name];
  return element("button", said, {type: "button", class: "flag", "data-meaning": meaning});
}

export class Panel {
  /**
   * @param {Source} source
   * @param {(id: string) => void} choose is told the trial that was clicked, or "" for none
   */
  constructor(source, choose) {
    this.source = source;
    this.choose = choose;
    this.shown = "";  // the cell on show with its numbers, as JSON
    this.questions = 0;  // an answer counts only if no later question was asked meanwhile
    this.answer = NO_TRIALS;
    this.width = 0;
    /** @type {Marked[]} */
    this.medians = [];
    /** @type {Map<string, VegaView>} the charts by their titles */
    this.views = new Map();
  }

  /**
   * Show the cell of a view; the source is asked only where the cell may have changed.
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    const cell = cellAt(state, positionsOf(state, view.labels));
    const row = cell === undefined ? null : numbersOf(state, cell);
    const key = JSON.stringify([view.labels, row]);
    if (key !== this.shown) {
      const question = ++this.questions;
      const answer = cell === undefined ? NO_TRIALS : await this.source.cell(view.labels, cell);
      if (question !== this.questions) return;
      this.shown = key;
      this.answer = answer;
      this.describe(state, view, row);
      this.list(answer, state.patience);
      await this.draw();
      this.medians = row === null ? [] : eventsOf(row, "half ", "_median_epoch");
    }
    await this.highlight(view.trial);
  }

  // The window has another size: draw the curves again where their room has changed.
  resized() {
    if (this.width !== this.room()) this.shown = "";
  }

  room() { return byId("curves").clientWidth; }

  /**
   * Write the cell's labels, and what its trials did.
   * @param {State} state
   * @param {View} view
   * @param {Record<string, Value> | null} row the numbers of the cell; null where no trial is
   */
  describe(state, view, row) {
    if (row === null) {
      byId("cell-title").textContent = "No trials here";
      for (const id of ["cell-said", "cell-patience"]) byId(id).textContent = "";
      return;
    }
    /** @param {string[]} names of counts */
    const listed = (names) => names.filter((name) => row[name])
      .map((name) => `${row[name]} ${name.replaceAll("_", "-")}`).join(", ");
    const flags = Object.keys(setup.flags).filter((name) => row[name])
      .map((name) => flagged(Number(row[name]), name));
    const count = Number(row.trials);
    const some = this.answer.trials.length < count
      ? ` Curves of ${this.answer.trials.length} of its ${whole(count)} trials.` : "";
    byId("cell-title").textContent =
      state.axes.map((axis) => `${axis.title} ${view.labels[axis.name]}`).join(", ");
    const listing = flags.flatMap((flag, index) => [index ? ", " : " (", flag]);
    byId("cell-said").replaceChildren(listed(Object.keys(setup.colors)), ...listing,
      `${flags.length ? ")" : ""}. Generalized ${row.generalized}/${count}, 95% interval ` +
      `${percent(Number(row.generalized_low))} to ${percent(Number(row.generalized_high))}.${some}`);
    byId("cell-patience").textContent = movesOf(this.answer.patience);
  }

  // Draw a chart of each reading that the trials have; without readings, an empty one of accuracy.
  async draw() {
    const {trials, readings} = this.answer;
    /** @param {string} name of a reading */
    const has = (name) => readings[name]?.some((value) => value !== null);
    const charts = Object.entries(setup.curves).filter(([title, {columns}]) =>
      title === "accuracy" || columns.some(has));
    const titles = charts.map(([title]) => title);
    if (titles.join() !== [...this.views.keys()].join() || this.width !== this.room()) {
      this.width = this.room();
      this.views.clear();
      byId("curves").replaceChildren(...titles.map(frameOf));
      for (const [title, {chart}] of charts) await this.embed(title, chart);
    }
    for (const [title, {columns}] of charts) {
      const rows = columns.filter((name) => name in readings).flatMap((name) => {
        const set = ["train", "test"].find((word) => name.split("_").includes(word)) ?? "";
        return readings.trial.map((index, i) => ({trial: trials[Number(index)].trial_id,
          seed: trials[Number(index)].seed, set, epoch: readings.epoch[i],
          value: readings[name][i]}));
      });
      await this.views.get(title)?.data("curves", rows).data("events", []).resize().runAsync();
    }
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
    chart.autosize = {type: "fit-x", contains: "padding"};
    const {view} = await draw(idOf(title), chart, title, () => this.asCsv(title));
    view.addEventListener("click", (_, item) => {
      const trial = item?.datum?.trial;
      if (trial) this.choose(trial);
    });
    this.views.set(title, view);
  }

  /**
   * List trials by seed: what each did, and its phase at a patience.
   * @param {CellAnswer} answer
   * @param {string} patience
   */
  list({trials, patience: cell}, patience) {
    const phase = patience ? `phase at ${patience}` : "phase";
    const heads = ["seed", phase, "memorized", "generalized", "ended", "epochs"];
    const phases = cell.find((row) => row.patience === patience)?.trials;
    byId("members").replaceChildren(table("Trials of this cell, by seed; times in epochs", heads,
      trials.map((trial, index) => {
        const button = element("button", trial.seed,
          {type: "button", "data-trial": trial.trial_id});
        button.addEventListener("click", () => this.choose(trial.trial_id));
        /** @param {number | null} epoch of an event */
        const time = (epoch) => epoch ?? `not by ${whole(trial.epochs_run)}`;
        const texts = [phases?.[index] ?? trial.phase, time(trial.memorized_epoch), time(trial.generalized_epoch),
          trial.ended, trial.epochs_run];
        return [button, texts.map((text) => element("td", text))];
      })));
    byId("members").hidden = !trials.length;
  }

  /**
   * Let a trial stand out in the curves and in the list, and show its row below.
   * @param {string} id of the trial, or its beginning; "" for none
   */
  async highlight(id) {
    const member = this.answer.trials.find((trial) => isTrial(id, trial.trial_id));
    for (const button of byId("members").querySelectorAll("button")) {
      const chosen = isTrial(id, button.dataset.trial ?? "");
      button.setAttribute("aria-pressed", String(chosen));
      button.closest("tr")?.classList.toggle("chosen", chosen);
    }
    const marked = member ? eventsOf(member, "", "_epoch") : this.medians;
    const events = marked.map(({event, epoch}) => ({epoch, event: `${event}: ${whole(epoch)}`}));
    for (const view of this.views.values()) {
      await view.data("events", events).signal("trial", member?.trial_id ?? "").runAsync();
    }
    const box = byId("trial");
    if (!id) box.replaceChildren();
    else if (id !== box.dataset.shown || !box.children.length) await this.tell(id);
    box.dataset.shown = id;
  }

  /** @param {string} id of the trial whose columns to show, with the command that replays it */
  async tell(id) {
    let row, replay = "", problem = "";
    try {
      ({row, replay} = await this.source.trial(id));
    } catch (error) {
      problem = /** @type {Error} */ (error).message;
    }
    const facts = element("dl", "", {class: "row"});
    for (const [name, value] of Object.entries(row ?? {trial_id: problem})) {
      if (value === null || value === false) continue;
      const pair = element("div");
      pair.append(element("dt", words(name)), element("dd", asText(value)));
      facts.append(pair);
    }
    const head = element("div", "", {class: "head"});
    const close = element("button", "Let go", {type: "button"});
    close.addEventListener("click", () => this.choose(""));
    head.append(element("h3", row ? `Trial of seed ${row.seed}` : "Trial"), close);
    byId("trial").replaceChildren(head, ...replay ? [commandOf(replay)] : [], facts);
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
 * The numbers of a cell by their columns.
 * @param {State} state
 * @param {number} cell
 * @returns {Record<string, Value>}
 */
const numbersOf = (state, cell) => Object.fromEntries(
  Object.entries(state.cells).map(([name, column]) => [name, column[cell]]));

/**
 * How the phase of a cell moves with patience, as a sentence. A patience that is longer than half of
 * its trials were watched says nothing.
 * @param {CellPatience[]} rows the least patience first, and as watched last
 */
function movesOf(rows) {
  const known = rows.filter((row) => !row.patience || !row.hatched);
  const parts = known.filter((row, i) => row.phase !== known[i - 1]?.phase)
    .map(({phase, patience}) => patience ? `${phase} from ${patience} on` : `${phase} as watched`);
  const short = rows.find((row) => row.patience && row.hatched);
  if (short) parts.push(`watched for less than ${short.patience}`);
  return parts.length ? `Phase by decay times watched: ${parts.join(", ")}.` : "";
}

/**
 * The two events of a trial or a cell, where they have happened.
 * @param {Record<string, Value>} row
 * @param {string} before the name of an event
 * @param {string} ending of the columns with the epochs
 * @returns {Marked[]}
 */
const eventsOf = (row, before, ending) => ["memorized", "generalized"].flatMap((event) => {
  const epoch = row[event + ending];
  return typeof epoch === "number" ? [{event: before + event, epoch}] : [];
});

/** @param {string} title of a chart */
const idOf = (title) => `curve-${title.replaceAll(" ", "-")}`;

/** @param {string} title of a chart, to make its heading, its menu and its room */
function frameOf(title) {
  const frame = element("figure", "", {class: title === "accuracy" ? "large" : "small"});
  const head = element("div", "", {class: "head"});
  const menu = element("div", "", {class: "export", "data-chart": idOf(title)});
  head.append(element("h3", title), menu);
  frame.append(head, element("div", "", {class: "chart", id: idOf(title)}));
  return frame;
}

/** @param {string} replay the command that trains a trial again */
function commandOf(replay) {
  const line = element("p", "Train it again, and see its circuits: ");
  line.append(element("code", replay));
  const copy = element("button", "Copy", {type: "button"});
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(replay);
    copy.textContent = "Copied";
  });
  if (navigator.clipboard) line.append(" ", copy);
  return line;
}
