// The lines of the delay strip of a report's table. The function `strip_lines` of
// analysis/phases/strip_lines.py makes such lines elsewhere, with the same rules. Where trials are
// many, it draws another sample.

import {setup} from "./setup.js";

/** @import {StripAnswer, StripLine, Value} from "./types.js" */

/**
 * The lines of some trials. Of a row with many trials, those with the lowest ids are shown: an id is
 * a hash, so that they are a random sample, which does not change.
 * @param {Record<string, Value[]>} columns of the table
 * @param {number[]} indices of the trials
 * @param {(index: number) => number} positionOf the position of a trial on the axis
 * @returns {StripAnswer}
 */
export function stripLines(columns, indices, positionOf) {
  const able = indices.filter((index) =>
    columns.memorized_epoch[index] !== null || columns.generalized_epoch[index] !== null);
  const rows = [...Map.groupBy(able, positionOf)];
  const [all, least] = setup.strip.lines;
  const most = Math.max(least, Math.floor(all / Math.max(1, rows.length)));
  const drawn = rows.map(([position, members]) => sampled(columns, members, most)
    .map((index) => lineOf(columns, index, position)).sort(byEnd));
  const largest = Math.max(1, ...drawn.map((row) => row.length));
  const lines = drawn.flatMap((row) => row.map((line, rank) =>
    ({...line, place: .5 + (rank - (row.length - 1) / 2) / largest})));
  return {lines, most, trials: able.length, neither: indices.length - able.length};
}

/**
 * @param {Record<string, Value[]>} columns
 * @param {number[]} members indices of trials
 * @param {number} most
 */
function sampled(columns, members, most) {
  if (members.length <= most) return members;
  const id = (/** @type {number} */ index) => String(columns.trial_id[index]);
  return members.toSorted((a, b) => id(a) < id(b) ? -1 : 1).slice(0, most);
}

/**
 * @param {Record<string, Value[]>} columns
 * @param {number} index of a trial
 * @param {number} position
 * @returns {StripLine}
 */
function lineOf(columns, index, position) {
  const epoch = (/** @type {string} */ name) =>
    columns[name][index] === null ? Infinity : Number(columns[name][index]);
  const [memorized, generalized] = [epoch("memorized_epoch"), epoch("generalized_epoch")];
  const censored = generalized === Infinity;
  return {position, place: 0, trial_id: String(columns.trial_id[index]),
    phase: String(columns.phase[index]),
    kind: censored ? "censored" : memorized < generalized ? "waited" : "at once",
    start: Math.min(memorized, generalized),
    end: censored ? epoch("epochs_run") : generalized};
}

/**
 * Lines by when they end, those that never generalized last.
 * @param {StripLine} a
 * @param {StripLine} b
 */
const byEnd = (a, b) => Number(a.kind === "censored") - Number(b.kind === "censored") ||
  a.end - b.end || a.start - b.start;
