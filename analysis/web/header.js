// The head and the foot of the page: what a study found, its progress, phases and facts.

import {byId, durationInWords, element, percent, whole} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Fact, Selected, State, Status} from "./types.js" */

/**
 * Show the first sentences of a study.
 * @param {{trained?: string, found: string, where?: string, rule?: string}} opening
 */
export function showOpening({trained = "", found, where = "", rule = ""}) {
  say("trained", trained);
  say("found", found);
  say("where-grokked", where);
  say("rule-said", rule);
}

/** @param {string} command that begins the study; "" where the study has begun */
export function showBegin(command) {
  byId("begin").hidden = !command;
  byId("begin-command").textContent = command;
}

/** @param {Fact[]} facts to show */
export function showFacts(facts) {
  byId("facts").replaceChildren(...facts.map(({label, text, title}) => {
    const pair = element("div", "", title ? {title} : {});
    pair.append(element("dt", label), element("dd", text));
    return pair;
  }));
}

/** @param {Status | null | undefined} status of a study that is being followed */
export function showProgress(status) {
  byId("progress").hidden = !status;
  if (!status) return;
  Object.assign(byId("bar"), {max: Math.max(1, status.planned), value: status.done});
  const rate = status.rate && status.running ? [`${status.rate.toPrecision(3)} a second`] : [];
  const left = status.seconds_left === null ? [] : [`${durationInWords(status.seconds_left)} left`];
  byId("counts").textContent = [`${whole(status.done)} of ${whole(status.planned)} trials done`,
    `${whole(status.running)} running`, `${whole(status.failed)} failed`, ...rate, ...left].join(", ");
}

/** @param {string} sentence why what is shown may be old; "" where it is not */
export function showTrouble(sentence) {
  say("trouble", sentence);
}

/**
 * Show a sentence, or hide its box; a screen reader would say an equal text again.
 * @param {string} id of the box
 * @param {string} sentence
 */
function say(id, sentence) {
  byId(id).hidden = !sentence;
  if (byId(id).textContent !== sentence) byId(id).textContent = sentence;
}

const live = !setup.state;

/**
 * Show the trials of each phase as cards.
 * @param {State} state
 * @param {string} only the kind of trials that is selected
 * @param {Selected | null} selected trials, where some are
 * @param {(phase: string) => void} choose is told the phase of a card that was clicked
 */
export function showPhases({phases, trials, patience_said: said, so_far: soFar}, only, selected, choose) {
  say("patience-said", said);
  const focused = document.activeElement?.getAttribute("data-phase");
  byId("phases").replaceChildren(...phases.map((row) => {
    const card = element("li");
    card.style.setProperty("--phase", setup.colors[row.phase]);
    const counted = selected && !said  // selected trials are counted as watched
      ? `${whole(selected.phases[row.phase])} of ${whole(row.trials)} ` : `${whole(row.trials)} `;
    const count = element("b", counted);
    if (trials && (!selected || said)) {
      count.append(element("small", `${percent(row.share)}${soFar ? " so far" : ""}`));
    }
    const button = element("button", "",
      {type: "button", "data-phase": row.phase, "aria-pressed": row.phase === only});
    button.append(count, element("span", row.phase));
    button.addEventListener("click", () => choose(row.phase));
    card.append(button, element("small", row.meaning, {class: "soft"}));
    /** @type {[string, number | null][]} */
    const medians = [["memorized", row.memorized_median_epoch],
      ["generalized", row.generalized_median_epoch]];
    const texts = medians.flatMap(([event, epoch]) =>
      epoch === null ? [] : [`${event} ${whole(epoch)}`]);
    const listed = texts.join(", ") || "none", heading = `median epochs${soFar ? " so far" : ""}:`;
    // In a live page the room of a card is the same, whatever comes.
    const lines = live ? [heading, listed] : texts.length ? [`${heading} ${listed}`] : [];
    card.append(...lines.map((line) => element("small", line, {class: "soft"})));
    return card;
  }));
  /** @type {HTMLElement | null} */
  const again = focused ? byId("phases").querySelector(`[data-phase="${focused}"]`) : null;
  again?.focus();
}
