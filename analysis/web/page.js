// The page. Its state comes from a source; which part of the state is on show, the address bar says.
// Whenever one of the two changes, the page is drawn again.

import {go, patienceAsked, viewOf} from "./address.js";
import {cellAt, labelsOfTrial, positionsOf} from "./cells.js";
import {showControls} from "./controls.js";
import {listenForBrush} from "./brush.js";
import {Diagram} from "./diagram.js";
import {byId} from "./dom.js";
import {showSections} from "./figures.js";
import {foldOnPhones, showBriefs} from "./folds.js";
import {showBegin, showFacts, showOpening, showPhases, showProgress, showTrouble} from "./header.js";
import {Motion} from "./motion.js";
import {Panel} from "./panel.js";
import {setup} from "./setup.js";
import {Selection} from "./selection.js";
import {Archive, Server} from "./source.js";
import {Strip} from "./strip.js";
import {Trials} from "./trials.js";

/** @import {Source, State, View} from "./types.js" */

const MILLISECONDS = 1000;
// Seconds between two questions to a server; after each failure the wait doubles, up to the longest.
const POLL_SECONDS = 2, LONGEST_WAIT_SECONDS = 60;

/** @type {Source} */
const source = setup.state
  ? new Archive({...setup, state: setup.state}, byId("archive").textContent ?? "") : new Server();

/** @type {State | null} */
let state = null;

/** @param {Partial<View>} parts of the view that change */
function change(parts) {
  if (state) go(viewOf(state), parts);
}

const diagram = new Diagram((labels) => {
  if (state) change({labels: {...viewOf(state).labels, ...labels}, trial: ""});
});
const motion = new Motion(source, diagram);
const panel = new Panel(source, (trial) => change({trial}));
const selection = new Selection(source, change);
listenForBrush(diagram, (ends) => change({box: JSON.stringify(ends)}));
byId("diagram").addEventListener("click", ({target}) => {
  // Vega keeps what an element stands for beside it; entries of a legend have a value.
  const kind = Reflect.get(target ?? {}, "__data__")?.datum?.value;
  if (Object.hasOwn(setup.selects, kind)) choose(kind);
});

/** @param {string} kind of trials to select, or to take back */
function choose(kind) {
  if (state) change({only: viewOf(state).only === kind ? "" : kind});
}

const strip = new Strip(source, change);
const trials = new Trials(source, (parts, row) => {
  change(row && state ? {...parts, labels: labelsOfTrial(state, row)} : parts);
});

window.addEventListener("hashchange", () =>
  state && state.patience !== patienceAsked() ? renew() : showAgain());
// What is folded on the screen is printed.
window.addEventListener("beforeprint", () => byId("reading").setAttribute("open", ""));
window.addEventListener("afterprint", () => byId("reading").removeAttribute("open"));
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    panel.resized();
    showAgain();
  }, 150);
});
document.body.classList.toggle("live", source.live);
foldOnPhones(() => {
  inTurn(async () => state?.axes && showSections(state));
  showAgain();
});
start();

async function start() {
  if (source.live) return follow();
  const news = await source.state(patienceAsked());
  if (news) await arrive(news);
}

// Ask the server again and again: soon after an answer, later after each failure, and not at all
// while the page is hidden.
async function follow() {
  let failures = 0, timer = 0;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const news = await source.state(patienceAsked());
      if (news) await arrive(news);
      else if (failures) await show();  // the last drawing may have failed
      failures = 0;
      showTrouble(state?.problem ?? "");
    } catch (error) {
      failures += 1;
      showTrouble(`Not reachable, trying again: what is shown may be old (${reasonOf(error)}).`);
    }
    clearTimeout(timer);
    const seconds = Math.min(LONGEST_WAIT_SECONDS, POLL_SECONDS * 2 ** failures);
    timer = setTimeout(ask, MILLISECONDS * seconds);
  };
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", ask);
  await ask();
}

// Ask for the state at the patience that the address names. Where there is no answer, the address
// goes back to the patience that is on show.
async function renew() {
  try {
    const news = await source.state(patienceAsked());
    if (news) await arrive(news);
  } catch (error) {
    showTrouble(`Not reachable: the patience stays as it was (${reasonOf(error)}).`);
    change({patience: state?.patience});
  }
}

/** @param {unknown} error */
const reasonOf = (error) => error instanceof Error ? error.message : String(error);

/**
 * Let a newer state begin with the cell that is on show, once that has trials.
 * @param {State} old
 * @param {State} news
 */
function keepPlace(old, news) {
  const shown = old.axes && news.axes && cellAt(news, positionsOf(news, old.start));
  if (shown !== undefined) news.start = old.start;
}

/** @param {State} news the newest state */
async function arrive(news) {
  if (state) keepPlace(state, news);
  state = news;
  byId("name").textContent = state.name;
  document.title = `${state.name}: when networks grok`;
  showProgress(state.status);
  showBegin(state.begin ?? "");
  if (!state.axes) {
    showOpening({found: `${state.begin ? "This study has not begun." : "No trials yet."} ` +
      "The page shows its trials as they come."});
    return;
  }
  byId("main").hidden = false;
  showOpening(state.opening);
  showFacts(state.facts);
  byId("command").textContent = state.command;
  byId("versions").textContent =
    Object.entries(state.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  await show();
  await showSections(state);
  showBriefs(state);
  performance.mark("ready");
  document.body.dataset.ready = "true";
}

// Draw after a click or in another size. Where the server does not answer, the next state draws again.
function showAgain() {
  show().catch((error) => showTrouble(`Not reachable, trying again (${reasonOf(error)}).`));
}

// The last of the drawings of the page; each waits for the one before it, which may have failed.
/** @type {Promise<unknown>} */
let showing = Promise.resolve();

/** @param {() => Promise<unknown>} draw */
function inTurn(draw) {
  showing = showing.catch(() => {}).then(draw);
  return showing;
}

function show() {
  return inTurn(async () => {
    if (!state?.axes) return;
    const asked = location.hash, view = viewOf(state);  // the address may change meanwhile
    showControls(state, view, change);
    const selected = await selection.show(state, view);
    showPhases(state, view.only, selected, choose);
    await diagram.show(state, view, selected);
    await motion.renew(state);
    await panel.show(state, view);
    await strip.show(state, view);
    await trials.show(state, view);
    if (state.patience === view.patience) document.body.dataset.shown = asked;
    performance.mark("shown");
  });
}
