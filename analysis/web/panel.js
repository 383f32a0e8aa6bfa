// The panel beside the diagram: the trials of the chosen cell as curves and rows, and one of them
// with all its columns.

import {isTrial} from "./address.js";
import {cellAt, comingOf, comingSaid, positionsOf} from "./cells.js";
import {Curves} from "./curves.js";
import {asText, byId, element, percent, table, whole, words} from "./dom.js";
import {showLearned} from "./learned.js";
import {setup} from "./setup.js";

/** @import {CellAnswer, CellPatience, Source, State, Value, View} from "./types.js" */
/** @import {Marked} from "./curves.js" */

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
    this.curves = new Curves(choose);
    /** @type {Marked[]} */
    this.medians = [];
  }

  /**
   * Show the cell of a view; the source is asked only where the cell may have changed.
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    const cell = cellAt(state, positionsOf(state, view.labels));
    const row = cell === undefined ? null : numbersOf(state, cell);
    const coming = comingOf(state).get(positionsOf(state, view.labels).join());
    const key = JSON.stringify([view.labels, row, coming, state.patience]);
    if (key !== this.shown) {
      const question = ++this.questions;
      const answer = cell === undefined ? NO_TRIALS : await this.source.cell(view.labels, cell);
      if (question !== this.questions) return;
      this.shown = key;
      this.answer = answer;
      this.describe(state, view, row);
      this.list(answer, state.patience);
      await this.curves.draw(answer, state.levels);
      this.medians = row === null ? [] : eventsOf(row, "half ", "_median_epoch");
    }
    await this.highlight(view.trial);
  }

  // The window has another size: draw the curves again where their room has changed.
  resized() {
    if (this.curves.width !== this.curves.room()) this.shown = "";
  }

  /**
   * Write the cell's labels, and what its trials did.
   * @param {State} state
   * @param {View} view
   * @param {Record<string, Value> | null} row the numbers of the cell; null where no trial is
   */
  describe(state, view, row) {
    const coming = comingOf(state).get(positionsOf(state, view.labels).join());
    byId("cell-title").textContent = row || coming
      ? state.axes.map((axis) => `${axis.title} ${view.labels[axis.name]}`).join(", ")
      : "No trials here";
    if (row === null) {
      byId("cell-said").textContent = coming ? `No trials yet: ${comingSaid(coming)}.` : "";
      byId("cell-patience").textContent = "";
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
    const listing = flags.flatMap((flag, index) => [index ? ", " : " (", flag]);
    byId("cell-said").replaceChildren(listed(Object.keys(setup.colors)), ...listing,
      `${flags.length ? ")" : ""}. Generalized ${row.generalized}/${count}, 95% interval ` +
      `${percent(Number(row.generalized_low))} to ${percent(Number(row.generalized_high))}.${some}` +
      (coming ? ` Still ${comingSaid(coming)}.` : ""));
    byId("cell-patience").textContent = movesOf(this.answer.patience);
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
    await this.curves.highlight(member?.trial_id ?? "", marked);
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
    const learned = element("div");
    byId("trial").replaceChildren(head, ...replay ? [commandOf(replay)] : [], learned, facts);
    if (row?.net === "relu") await showLearned(learned, this.source, String(row.trial_id));
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
