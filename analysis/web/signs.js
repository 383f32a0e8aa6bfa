// The signs of the diagram: a key of those that cells on show have, and how to read all in full.

import {byId, element, words} from "./dom.js";
import {setup} from "./setup.js";

/** @import {State, View} from "./types.js" */
/** @import {Plane, Row} from "./plane.js" */

const FLAGS = ["semi_grokking", "ungrokked", "collapsed", "diverged"];
const LETTER = 5;  // pixels of the smallest letter of a count; it is as in analysis/charts/diagram.py

/**
 * Say what the signs mean that are drawn; a sign that no cell has is not explained.
 * @param {State} state
 * @param {View} view
 * @param {Plane} plane
 */
export function showSigns(state, view, plane) {
  byId("limits-said").textContent = setup.limits ?? "";
  const drawn = signsOf(view, plane);
  byId("signs").replaceChildren(...Object.entries(setup.signs).filter(([name]) => drawn[name])
    .map(([name, said]) => element("li", said, {"data-sign": name})));
  const {captions, flags} = setup, phases = view.color === "phase";
  const some = someOf(plane);
  const sentences = [captions[phases ? "phase" : "quantity"],
    ...drawn.hatched ? [state.hatching_said] : [],
    ...drawn.boundary ? [captions.boundary] : [],
    ...phases && plane.rows.some((row) => row.phase === "confusion") ? [captions.confusion] : [],
    ...FLAGS.filter((name) => some(name)).map((name) => `${words(name)}: ${flags[name]}.`),
    ...state.aggregated ? ["Neighboring values of an axis (~) share a cell."] : []];
  // A phone has no room for the rules of phases on their cards.
  const rules = [...state.phases.map(({phase, meaning}) => `${phase}: ${meaning}.`),
    state.opening.rule];
  byId("diagram-said").replaceChildren(...sentences.map((said) => element("li", said)),
    ...rules.map((said) => element("li", said, {class: "narrow"})));
}

/**
 * Whether some cell on show has a number other than 0 in one of some columns.
 * @param {Plane} plane
 * @returns {(...names: string[]) => boolean}
 */
const someOf = (plane) => (...names) => plane.rows.some((row) => names.some((name) => row[name]));

/**
 * Which signs are drawn, by their names.
 * @param {View} view
 * @param {Plane} plane
 * @returns {Record<string, boolean>}
 */
function signsOf(view, plane) {
  const some = someOf(plane), phases = view.color === "phase";
  const [{x0, x1, y0, y1}] = plane.rows, wide = x1 - x0, high = y1 - y0;
  const corners = Math.min(wide, high) >= setup.least_with_signs;
  const filled = plane.rows.filter((row) => row.trials);
  /** @param {Row} row */
  const letters = ({generalized, trials}) => Math.max(5, `${generalized}/${trials}`.length);
  return {
    count: phases && filled.some((row) => wide - 6 >= LETTER * letters(row)),
    pale: phases && filled.some((row) => Number(row.phase_share) < 1),
    hatched: some("hatched"),
    boundary: plane.boundary.length > 0,
    semi_grokking: corners && some("semi_grokking"),
    ungrokked: corners && some("ungrokked"),
    broken: corners && filled.some((row) =>
      (row.collapsed || row.diverged) && row.kind !== "collapsed"),
    empty: plane.rows.some((row) => !row.trials && !row.coming),
    coming: some("coming"),
    in_training: some("in_training"),
  };
}
