// What is on show is what the address bar says: #weight_decay=0.01&train_size=400&trial=ID. A click,
// a bookmark, and going back and forward in the browser all change the address and nothing else.

import {setup} from "./setup.js";

/** @import {State, View} from "./types.js" */

/** @type {("x" | "y" | "color" | "rows" | "patience" | "only" | "box" | "trial" | "where" | "sort" | "descending")[]} */
const KEYS = ["x", "y", "color", "rows", "patience", "only", "box", "trial", "where", "sort", "descending"];

const MOST_FACETS = 2;

/** The patience that the address asks for; "" is as watched, and stands for one that is none. */
export function patienceAsked() {
  const asked = new URLSearchParams(location.hash.slice(1)).get("patience");
  return setup.patiences.some(([name]) => name === asked) ? asked ?? "" : "";
}

/**
 * The view that the address asks for. What the study does not have is replaced: a bookmark may be
 * older than the state.
 * @param {State} state
 * @returns {View}
 */
export function viewOf(state) {
  const query = new URLSearchParams(location.hash.slice(1));
  /** @param {string} key */
  const asked = (key) => query.get(key) ?? "";
  const names = state.axes.map((axis) => axis.name);
  const x = names.includes(asked("x")) ? asked("x") : state.x;
  const y = names.includes(asked("y")) ? asked("y") : state.y;
  const up = y === x ? names.find((name) => name !== x) ?? x : y;
  const facets = query.has("facet") ? asked("facet").split(",") : state.facets;
  return {
    x,
    y: up,
    facets: [...new Set(facets)].filter((name) => names.includes(name) && name !== x && name !== up)
      .slice(0, MOST_FACETS),
    color: Object.hasOwn(state.ramps, asked("color")) ? asked("color") : "phase",
    rows: names.includes(asked("rows")) ? asked("rows") : "",
    patience: patienceAsked(),
    only: Object.hasOwn(setup.selects, asked("only")) ? asked("only") : "",
    box: asked("box"),
    labels: Object.fromEntries(state.axes.map(({name, labels}) =>
      [name, labels.includes(asked(name)) ? asked(name) : state.start[name]])),
    trial: asked("trial"),
    where: asked("where"),
    sort: asked("sort"),
    descending: asked("descending") === "true",
  };
}

/**
 * Whether an address means this trial: it may hold the beginning of an id, as tables show it.
 * @param {string} asked
 * @param {string} id
 */
export const isTrial = (asked, id) => asked !== "" && id.startsWith(asked);

/**
 * Change the address to a view with some parts changed.
 * @param {View} view
 * @param {Partial<View>} change
 */
export function go(view, change) {
  const next = {...view, ...change};
  const query = new URLSearchParams(next.labels);
  query.set("facet", next.facets.join());  // empty: none, also where the study opens with facets
  for (const key of KEYS) if (next[key]) query.set(key, String(next[key]));
  location.hash = query.toString();
}
