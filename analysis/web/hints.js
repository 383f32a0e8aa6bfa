// What a filter misses: a value that no trial has, beside the nearest one that trials have
// (analysis/tables/filter_hints.py says the same for the commands and for a live page).

import {nearestName} from "./names.js";
import {equalities} from "./where.js";

/** @import {Setup, Value} from "./types.js" */
/** @import {Equality} from "./where.js" */

const MOST_TEXTS = 1000;  // more of them are ids

/**
 * A sentence for each value that a filter compares a column with, and that no trial has.
 * @param {string} where
 * @param {Record<string, Value[]>} columns of all trials
 * @param {Pick<Setup, "kinds" | "outcomes" | "limits">} setup
 */
export function filterHints(where, columns, setup) {
  const hints = new Set();
  for (const equality of equalities(where, setup.kinds)) {
    const trials = columns[equality.column];
    const values = [...new Set(trials)].filter((value) => value !== null);
    const missed = trials.length && !values.includes(equality.value);
    if (missed) hints.add(hint(equality, values, setup));
  }
  return [...hints].filter(Boolean);
}

/**
 * @param {Equality} equality that no trial has
 * @param {Value[]} values of the column, each once
 * @param {Pick<Setup, "outcomes" | "limits">} setup
 * @returns {string} "" where a word is right, though no trial has it
 */
function hint({column, value, written}, values, setup) {
  const none = setup.limits ? "no trial of this table" : "no trial";  // a report may have a part
  const missed = `${none} has ${column} == ${written}`;
  if (!values.length) return `${missed}; ${column} is null in every trial.`;
  if (typeof value === "number") {
    const numbers = values.map(Number).sort((a, b) => a - b);
    const nearest = numbers.reduce((one, other) =>
      Math.abs(other - value) < Math.abs(one - value) ? other : one);
    return `${missed}; the nearest value is ${shown(nearest)}.`;
  }
  if (setup.outcomes.includes(String(value))) return "";
  const texts = values.map(String);
  const near = (value && texts.find((text) => text.startsWith(String(value)))) ||
    (texts.length <= MOST_TEXTS && nearestName(String(value), texts));
  return near ? `${missed}. Did you mean "${near}"?` : `${missed}.`;
}

/** @param {number} number as Python writes it: 1e-05, not 0.00001 */
function shown(number) {
  const [digits, exponent] = number.toExponential().split("e-");
  return Number(exponent) > 4 ? `${digits}e-${exponent.padStart(2, "0")}` : String(number);
}
