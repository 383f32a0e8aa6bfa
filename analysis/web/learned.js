// What a network has learned: the weights of the neurons that predict like the whole network, as a
// matrix that moves with the epoch. A report holds some networks; a live page trains one again.

import {draw} from "./charts.js";
import {byId, element, whole} from "./dom.js";
import {setup} from "./setup.js";
import {Refusal} from "./tokens.js";

/** @import {Chart, LearnedNet, Source} from "./types.js" */

const ROW = 22;  // pixels of a neuron
const COLUMN = 74;  // pixels of a column, at most
const POLL = 400;  // milliseconds from one look at a training to the next

/**
 * Show what a trial's network has learned, or offer to train it again.
 * @param {HTMLElement} box to fill in
 * @param {Source} source
 * @param {string} id of the trial
 */
export async function showLearned(box, source, id) {
  if (!source.live) {
    const {net} = await source.learned(id);
    if (net) await showNet(box, net);
    return;
  }
  const button = element("button", "See what it learned", {type: "button", id: "learn"});
  const said = element("span", "trains this network again", {class: "soft"});
  button.addEventListener("click", () => train(box, source, id));
  const line = element("p");
  line.append(button, " ", said);
  box.replaceChildren(line);
}

/**
 * Let the server train a network again, and show how far it is.
 * @param {HTMLElement} box
 * @param {Source} source
 * @param {string} id
 */
async function train(box, source, id) {
  const progress = element("progress", "", {"aria-label": "Training the network again"});
  const said = element("span", "starting", {class: "soft"});
  const line = element("p", "", {role: "status"});
  line.append(progress, " ", said);
  box.replaceChildren(line);
  while (box.isConnected) {
    try {
      const {net, done, last} = await source.learned(id);
      if (net) return showNet(box, net);
      if (last) Object.assign(progress, {max: last, value: done});
      said.textContent = last ? `epoch ${whole(done)} of ${whole(last)}` : "waiting for its turn";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return box.replaceChildren(element("p", error.message, {class: "soft"}));
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/**
 * The matrix of a network with its slider, at the last epoch to begin with.
 * @param {HTMLElement} box
 * @param {LearnedNet} net
 */
async function showNet(box, net) {
  const last = net.epochs.length - 1;
  const slider = element("input", "", {type: "range", min: "0", max: String(last), value: String(last)});
  const said = element("output");
  const label = element("label", "training ", {class: "grow"});
  label.append(slider);
  const controls = element("div", "", {class: "controls"});
  controls.append(label, said);
  const head = element("div", "", {class: "head"});
  const title = element("h4", "What it learned");
  head.append(title, element("div", "", {class: "export", "data-chart": "learned"}));
  box.replaceChildren(
    head, element("p", sentenceOf(net), {class: "soft"}), controls,
    element("div", "", {class: "chart", id: "learned"}));
  /** @param {number} index of the epoch */
  const show = async (index) => {
    const epoch = `epoch ${whole(net.epochs[index])}`;
    said.textContent = `${epoch}, ${(100 * net.test_accuracy[index]).toFixed(1)}% of test rows right`;
    slider.setAttribute("aria-valuetext", said.textContent);
    await draw("learned", chartOf(net, index, byId("learned").clientWidth), `${net.trial_id}-weights`);
  };
  slider.addEventListener("input", () => show(Number(slider.value)));
  await show(last);
}

/** @param {LearnedNet} net */
function sentenceOf({width, active, neurons, exact}) {
  const shown = neurons.length < active ? `, of which the ${neurons.length} largest are shown` : "";
  const others = active < width ? "The others can be left out: no training row is answered otherwise. " : "";
  return `${whole(active)} of ${whole(width)} neurons are needed at the end${shown}. ${others}` +
    "A row is a neuron: its weights on the bits that decide the label, its bias, its outgoing " +
    "weight, and its largest weight on any other bit. " +
    (exact ? "Trained again bit for bit." : "Trained again on another machine: numbers moved a little.");
}

/**
 * @param {LearnedNet} net
 * @param {number} index of the epoch
 * @param {number} room in pixels
 * @returns {Chart}
 */
function chartOf({neurons, columns, weights}, index, room) {
  const ends = weights[weights.length - 1].flat().map(Math.abs);
  const largest = Math.max(...ends) || 1;
  const values = neurons.flatMap((neuron, row) => columns.map((column, at) => {
    const weight = weights[index][row][at];
    const share = weight / largest;
    return {neuron: `neuron ${neuron}`, column, weight, share, size: Math.abs(share)};
  }));
  const chart = structuredClone(setup.learned_chart);
  chart.height = ROW * neurons.length;
  chart.width = Math.min(COLUMN * columns.length, Math.max(room - 90, 200));
  chart.datasets = {...chart.datasets, weights: values};
  return chart;
}
