// What a phone folds away: the options of the diagram, and every section below its cell. A section then
// shows its heading and what it has found, in a sentence.

import {byId, whole} from "./dom.js";

/** @import {State} from "./types.js" */

/** @returns {NodeListOf<HTMLDetailsElement>} */
const folds = () => document.querySelectorAll("#options, .fold");

/**
 * Fold on phones alone.
 * @param {() => void} unfolded is called where a reader unfolds a section: it is to be drawn
 */
export function foldOnPhones(unfolded) {
  const wide = matchMedia("(min-width: 481px)");
  const fold = () => folds().forEach((one) => { one.open = wide.matches; });
  wide.addEventListener("change", fold);
  fold();
  const folded = new Set();  // a browser also says "toggle" of what is open from the beginning
  for (const one of folds()) {
    one.addEventListener("toggle", () => {
      if (!one.open) folded.add(one);
      else if (folded.delete(one)) unfolded();
    });
  }
}

/**
 * Whether a section is folded away: nothing can be drawn there.
 * @param {string} section
 */
export const isFolded = (section) =>
  byId(section).querySelector(".fold")?.hasAttribute("open") === false;

/**
 * Say what each section has found.
 * @param {State} state
 */
export function showBriefs(state) {
  const grokked = state.phases.find(({phase}) => phase === "grokking");
  const waiting = state.phases.find(({phase}) => phase === "memorization");
  const sparsity = state.ramps.sparsity?.domain.map((count) => whole(Math.round(count)));
  const verdict = byId("laws-said").querySelector("strong, p:not(.soft)");
  const briefs = {
    delays: (grokked?.trials ? `${whole(grokked.trials)} nets grokked, from epoch ` +
      `${whole(Number(grokked.memorized_median_epoch))} to epoch ` +
      `${whole(Number(grokked.generalized_median_epoch))} in the median. ` : "") +
      (waiting?.trials ? `${whole(waiting.trials)} memorized and had not generalized at the end.` : ""),
    times: verdict?.textContent ?? "",
    questions: (state.questions ?? []).map(({title}) => `${title}.`).join(" "),
    circuits: sparsity ? `${sparsity.join(" to ")} neurons predict like the whole net, in the ` +
      "median net of each cell." : "",
    all: `${whole(state.trials)} trials, to filter, sort and download.`,
  };
  for (const [section, said] of Object.entries(briefs)) byId(`${section}-brief`).textContent = said;
}
