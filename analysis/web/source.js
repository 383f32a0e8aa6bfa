// Where answers come from: a report's own archive, or the server of a live page. Both answer the
// same questions (`Source` of types.d.ts).

import {csv, saveFile, saveText} from "./dom.js";
import {unpacked} from "./packed.js";
import {stripLines} from "./strip_lines.js";
import {filterHints} from "./hints.js";
import {Refusal} from "./tokens.js";
import {readFilter} from "./where.js";

/** @import {CellAnswer, CellPatience, Labels, LearnedAnswer, Setup, State, TableAnswer, TableQuery, Trial, PatienceState, Selected, StripAnswer, Stripes, TrialAnswer, Value} from "./types.js" */

/**
 * A reading of all trials, packed (analysis/report/archive.py): a value is the sum of the trial's
 * steps so far, times ten to the power of the trial.
 * @typedef {{power: number[], step: (number | null)[]}} PackedColumn
 *
 * What a report holds beside its state: columns of trials, the cell of each trial, how many readings
 * each trial has, and the readings of one trial after the other.
 * @typedef {object} Content
 * @property {Record<string, Value[]> & {trial_id: string[]}} trials
 * @property {number[]} cell
 * @property {number[]} count
 * @property {{epoch: number[], columns: Record<string, PackedColumn>}} readings
 * @property {Stripes} stripes
 * @property {{state: PatienceState, phase: string[]}[]} patience the least first
 */

// Trials of a cell that a panel lists where the report has the readings of none of them.
const MAX_LISTED = 24;

/** The trials of a report. */
class Table {
  /** @param {Content} content */
  constructor({trials, cell, count, readings, stripes, patience}) {
    this.stripes = stripes;
    this.patience = patience;
    this.columns = trials;
    this.cell = cell;
    this.names = Object.keys(trials);
    this.size = trials.trial_id.length;
    this.readings = readings;
    /** Where the readings of each trial start, and where the last ones end. */
    this.starts = [0];
    for (const n of count) this.starts.push(this.starts[this.starts.length - 1] + n);
    this.membersOf = Map.groupBy(cell.keys(), (index) => cell[index]);
  }

  /**
   * @param {number} index
   * @returns {Trial}
   */
  row(index) {
    const values = this.names.map((name) => [name, this.columns[name][index]]);
    return Object.fromEntries(values);
  }

  /** @param {number} cell whose trials to give: those that have readings, or else the first */
  members(cell) {
    const all = this.membersOf.get(cell) ?? [];
    const drawn = all.filter((index) => this.starts[index + 1] > this.starts[index]);
    return drawn.length ? drawn : all.slice(0, MAX_LISTED);
  }

  /**
   * The readings of some trials, as columns; `trial` is the index within `members`.
   * @param {number[]} members
   */
  curves(members) {
    /** @type {CellAnswer["readings"]} */
    const columns = {trial: [], epoch: []};
    for (const name of Object.keys(this.readings.columns)) columns[name] = [];
    for (const [number, index] of members.entries()) {
      const [start, end] = [this.starts[index], this.starts[index + 1]];
      let epoch = 0;
      for (let i = start; i < end; i++) {
        columns.trial.push(number);
        columns.epoch.push(epoch += this.readings.epoch[i]);
      }
      for (const [name, {step, power}] of Object.entries(this.readings.columns)) {
        let value = 0;
        for (const difference of step.slice(start, end)) {
          value += difference ?? 0;
          columns[name].push(difference === null ? null : Number(`${value}e${power[index]}`));
        }
      }
    }
    return columns;
  }
}

/** A report: all answers are in the file itself. */
export class Archive {
  /**
   * @param {Setup & {state: State}} setup
   * @param {string} archive base64 of gzipped JSON, a `Content`
   */
  constructor(setup, archive) {
    this.live = false;
    this.setup = setup;
    this.table = unpacked(archive).then((text) => new Table(JSON.parse(text)));
  }

  /** @param {string} patience */
  async state(patience) {
    const state = this.setup.state;
    if (!patience) return state;
    const table = await this.table;
    return {...state, ...table.patience.find((row) => row.state.patience === patience)?.state};
  }

  async stripes() { return (await this.table).stripes; }

  /**
   * @param {string} where
   * @returns {Promise<Selected>}
   */
  async selected(where) {
    const table = await this.table;
    const passing = this.passing(table, where);
    const cells = this.setup.state.cells.trials.map(() => 0);
    /** @type {Record<string, number>} */
    const phases = Object.fromEntries(Object.keys(this.setup.colors).map((name) => [name, 0]));
    for (const index of passing) {
      cells[table.cell[index]] += 1;
      phases[String(table.columns.phase[index])] += 1;
    }
    return {total: passing.length, of: table.size, cells, phases};
  }

  /**
   * @param {string} axis
   * @param {string} where
   * @returns {Promise<StripAnswer>}
   */
  async strip(axis, where) {
    const table = await this.table, positions = this.setup.state.cells[axis];
    return stripLines(table.columns, this.passing(table, where),
      (index) => Number(positions[table.cell[index]]));
  }

  /**
   * @param {Labels} _labels
   * @param {number} cell
   */
  async cell(_labels, cell) {
    const table = await this.table;
    const members = table.members(cell);
    const state = this.setup.state;
    const decays = state.cells.watched_decay_times[cell] !== null;
    const patience = [...table.patience, {state, phase: table.columns.phase}];
    return {
      total: state.cells.trials[cell] ?? 0,
      patience: decays ? patience.map((row) => cellAtPatience(row, cell, members)) : [],
      trials: members.map((index) => table.row(index)),
      readings: table.curves(members),
    };
  }

  /**
   * @param {string} id all of it, or a beginning that no other trial has
   * @returns {Promise<TrialAnswer>}
   */
  async trial(id) {
    const table = await this.table;
    const ids = table.columns.trial_id;
    const alike = ids.filter((candidate) => id && candidate.startsWith(id));
    if (!alike.length) throw new Refusal(`${id}: not among the trials of this report.`);
    if (alike.length > 1 && !alike.includes(id)) {
      throw new Refusal(`${id}: ${alike.length} trials of this report begin so. ` +
        `Write more of it: ${alike.slice(0, 5).join(", ")}${alike.length > 5 ? ", ..." : "."}`);
    }
    const whole = alike.includes(id) ? id : alike[0];
    return {row: table.row(ids.indexOf(whole)), replay: replayOf(this.setup.state.store, whole)};
  }

  /**
   * @param {string} id of a trial
   * @returns {Promise<LearnedAnswer>}
   */
  async learned(id) { return {net: this.setup.learned?.[id] ?? null, done: 0, last: 0}; }

  /**
   * @param {TableQuery} query
   * @returns {Promise<TableAnswer>}
   */
  async trials(query) {
    const table = await this.table;
    const passing = this.passing(table, query.where);
    const ordered = query.sort ? sorted(passing, table.columns[query.sort], query.descending) : passing;
    const rows = ordered.slice(query.offset, query.offset + query.limit);
    const hints = query.where ? filterHints(query.where, table.columns, this.setup) : [];
    return {total: passing.length, hints, columns: table.names,
      rows: rows.map((index) => table.row(index))};
  }

  /**
   * Save the trials that pass a filter as CSV, in their order; computed columns are left out.
   * @param {string} _format
   * @param {string} where
   */
  async download(_format, where) {
    const table = await this.table;
    const names = table.names.filter((name) => name !== "phase" && name !== "delay");
    const rows = this.passing(table, where).map((index) =>
      names.map((name) => table.columns[name][index]));
    saveText(`${this.setup.state.name}.csv`, "text/csv", csv(names, rows));
  }

  /**
   * The indices of the trials that pass a filter; "" passes all.
   * @param {Table} table
   * @param {string} where
   */
  passing(table, where) {
    const indices = [...Array(table.size).keys()];
    if (!where) return indices;
    const filter = readFilter(where, this.setup.kinds);
    return indices.filter((index) => filter((name) => table.columns[name][index]) === true);
  }
}

/**
 * A cell at a patience (`cell_patience` of analysis/report/state.py makes the same for the live page).
 * @param {{state: PatienceState, phase: Value[]}} row
 * @param {number} cell
 * @param {number[]} members the trials to show
 * @returns {CellPatience}
 */
const cellAtPatience = ({state: {patience, cells}, phase}, cell, members) => ({
  patience, phase: String(cells.phase[cell]), hatched: Boolean(cells.hatched[cell]),
  trials: members.map((index) => String(phase[index])),
});

/**
 * Indices by the values of a column; nulls come last either way, and ties keep their order.
 * @param {number[]} indices
 * @param {Value[]} column
 * @param {boolean} descending
 */
function sorted(indices, column, descending) {
  const sign = descending ? -1 : 1;
  return indices.toSorted((a, b) => {
    const [x, y] = [column[a], column[b]];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
  });
}

/** The server of a live page, analysis/live/serve.py; addresses are relative to the page's own. */
export class Server {
  constructor() {
    this.live = true;
    /** @type {string | null} of the newest state */
    this.tag = null;
  }

  /**
   * @param {string} patience
   * @returns {Promise<State | null>}
   */
  async state(patience) {
    /** @type {Record<string, string>} */
    const headers = this.tag ? {"If-None-Match": this.tag} : {};
    const query = patience && `?${new URLSearchParams({patience})}`;
    const answer = await fetch(`api/state${query}`, {headers, cache: "no-store"});
    if (answer.status === 304) return null;
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    const state = await answer.json();
    this.tag = answer.headers.get("ETag");
    return state;
  }

  /** @returns {Promise<Stripes | null>} */
  stripes() { return this.ask("stripes", {}); }

  /**
   * @param {string} where
   * @returns {Promise<Selected>}
   */
  selected(where) { return this.ask("selected", {where}); }

  /**
   * @param {string} axis
   * @param {string} where
   * @returns {Promise<StripAnswer>}
   */
  strip(axis, where) { return this.ask("strip", {axis, where}); }

  /**
   * @param {Labels} labels
   * @returns {Promise<CellAnswer>}
   */
  cell(labels) { return this.ask("cell", labels); }

  /**
   * @param {string} id
   * @returns {Promise<TrialAnswer>}
   */
  trial(id) { return this.ask("trial", {trial_id: id}); }

  /**
   * Begin to train a network again, or see how far it is.
   * @param {string} id of a trial
   * @returns {Promise<LearnedAnswer>}
   */
  learned(id) { return this.ask("learned", {trial_id: id}); }

  /**
   * @param {TableQuery} query
   * @returns {Promise<TableAnswer>}
   */
  trials(query) { return this.ask("trials", query); }

  /**
   * @param {string} format
   * @param {string} where
   */
  async download(format, where) {
    const query = new URLSearchParams({format, ...where && {where}});
    saveFile("", `api/download?${query}`);
  }

  /**
   * @param {string} what
   * @param {object} parameters those that are "" or null are left out
   */
  async ask(what, parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null);
    const answer = await fetch(`api/${what}?${new URLSearchParams(given)}`, {cache: "no-store"});
    const content = await answer.json();
    if (!answer.ok) throw new Refusal(content.error);
    return content;
  }
}

/**
 * The command that replays a trial, its store quoted for a shell where that is needed.
 * @param {string} store
 * @param {string} id
 */
function replayOf(store, id) {
  const plain = /^[\w./:@-]+$/.test(store);
  return `analysis circuits ${plain ? store : `'${store.replaceAll("'", "'\\''")}'`} ${id}`;
}
