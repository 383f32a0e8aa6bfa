// What is selected: trials of one kind, those of some cells, and those that pass a filter, together.
// A selection is a filter of trials. The diagram dims other cells, the table has only these trials,
// cards count them, and chips say what is selected.

import {axisOf} from "./cells.js";
import {byId, element, whole} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Axis, Selected, Source, State, View} from "./types.js" */

/** @typedef {Record<string, [string, string]>} Ends the first and the last label on some axes */

/**
 * The filter of all that is selected; "" where nothing is.
 * @param {State} state
 * @param {View} view
 */
export function filterOf(state, view) {
  const terms = [setup.selects[view.only] ?? "", boxFilter(state, endsOf(state, view)), view.where];
  const given = terms.filter(Boolean);
  return given.length > 1 ? given.map((term) => `(${term})`).join(" and ") : given.join("");
}

/**
 * The cells that a view selects, as ends on axes; none where a label is not one of the study's.
 * @param {State} state
 * @param {View} view
 * @returns {Ends}
 */
function endsOf(state, view) {
  try {
    const ends = Object.entries(/** @type {Ends} */ (JSON.parse(view.box || "{}")));
    const known = ends.every(([name, labels]) =>
      labels.every((label) => axisOf(state, name)?.labels.includes(label)));
    return known ? Object.fromEntries(ends) : {};
  } catch {
    return {};  // an address that somebody has changed
  }
}

/**
 * @param {State} state
 * @param {Ends} ends
 */
const boxFilter = (state, ends) => Object.entries(ends).map(([name, labels]) => {
  const axis = axisOf(state, name);
  const [first, last] = labels.map((label) => axis.labels.indexOf(label));
  return axisFilter(axis, first, last);
}).filter(Boolean).join(" and ");

/**
 * The filter of some neighboring positions of an axis.
 * @param {Axis} axis
 * @param {number} first position
 * @param {number} last position
 */
function axisFilter({name, labels, cuts}, first, last) {
  if (name === "setting") {
    const terms = labels.slice(first, last + 1).map((label) => label === "unnamed"
      ? 'setting is null or setting == ""' : `setting == ${JSON.stringify(label)}`);
    return terms.length < labels.length ? `(${terms.join(" or ")})` : "";
  }
  const fresh = labels.length > cuts.length + 1;  // the last position: rows fresh at every step
  if (fresh && first === labels.length - 1) return `${name} is null`;
  const low = first > 0 ? [`${name} >= ${cuts[first - 1]}`] : [];
  const high = last < cuts.length ? [`${name} < ${cuts[last]}`] : [];
  if (!fresh) return [...low, ...high].join(" and ");
  if (last < labels.length - 1) return [`${name} is not null`, ...low, ...high].join(" and ");
  return low.length ? `(${name} is null or ${low[0]})` : "";
}

export class Selection {
  /**
   * @param {Source} source
   * @param {(parts: Partial<View>) => void} change is told what of the view a chip takes back
   */
  constructor(source, change) {
    this.source = source;
    this.change = change;
    this.asked = "";
    /** @type {Selected | null} */
    this.selected = null;
  }

  /**
   * The selected trials, counted; null where nothing is selected, or what is asked is no filter.
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    const where = filterOf(state, view);
    const key = JSON.stringify([where, state.trials]);
    if (key !== this.asked) {
      this.asked = key;
      this.selected = where ? await this.source.selected(where).catch(() => null) : null;
    }
    this.chips(state, view);
    return this.selected;
  }

  /**
   * @param {State} state
   * @param {View} view
   */
  chips(state, view) {
    const ends = Object.entries(endsOf(state, view));
    const box = ends.map(([name, [first, last]]) =>
      `${axisOf(state, name).title} ${first === last ? first : `${first} to ${last}`}`).join(", ");
    /** @type {[string, Partial<View>][]} */
    const chips = [[view.only, {only: ""}], [box, {box: ""}],
      [this.selected ? view.where : "", {where: ""}]];
    const buttons = chips.filter(([said]) => said).map(([said, parts]) => {
      const chip = element("button", said, {type: "button", "aria-label": `Take back: ${said}`});
      chip.addEventListener("click", () => this.change(parts));
      return chip;
    });
    byId("selection").hidden = !buttons.length;
    byId("chips").replaceChildren(...buttons);
    byId("selected-said").textContent = this.selected
      ? `${whole(this.selected.total)} of ${whole(this.selected.of)} trials selected` : "";
  }
}
