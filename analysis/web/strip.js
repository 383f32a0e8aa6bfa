// The delay strip: trials as lines from memorizing to generalizing, in a row for each value of an
// axis. It has the selected trials, and its menu says which axis has the rows.

import {axisOf, labelsOfTrial} from "./cells.js";
import {draw} from "./charts.js";
import {byId, fillMenu, menuById, whole} from "./dom.js";
import {isFolded} from "./folds.js";
import {filterOf} from "./selection.js";
import {setup} from "./setup.js";

/** @import {Chart, Source, State, StripAnswer, StripLine, View} from "./types.js" */

const FIRST = ["weight_decay", "train_size"];  // axes to begin with

export class Strip {
  /**
   * @param {Source} source
   * @param {(parts: Partial<View>) => void} change is told what of the view changes: the axis of the
   *     rows, or the trial that was clicked, with the labels of its cell
   */
  constructor(source, change) {
    this.source = source;
    this.change = change;
    this.asked = "";  // what the strip was last asked for, as JSON
    /** @type {State | null} */
    this.state = null;
  }

  /**
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    this.state = state;
    const names = state.axes.filter(({labels}) => labels.length > 1).map(({name}) => name);
    const axis = names.includes(view.rows) ? view.rows
      : FIRST.find((name) => names.includes(name)) ?? names[0] ?? "";
    byId("delays").hidden = !axis;
    if (!axis || isFolded("delays")) return;
    const menu = menuById("strip-axis");
    fillMenu(menu, names.map((name) => [name, axisOf(state, name).title]), axis);
    menu.onchange = () => this.change({rows: menu.value});
    const where = filterOf(state, view);
    const key = JSON.stringify([axis, where, state.trials, byId("strip").clientWidth]);
    if (key === this.asked) return;
    this.asked = key;
    const answer = await this.source.strip(axis, where).catch(() => this.source.strip(axis, ""));
    await this.draw(state, axis, answer);
  }

  /**
   * @param {State} state
   * @param {string} axis
   * @param {StripAnswer} answer
   */
  async draw(state, axis, answer) {
    const {title, labels} = axisOf(state, axis);
    const used = [...new Set(answer.lines.map(({position}) => position))].sort((a, b) => b - a);
    const chart = chartOf(title, used.map((at) => labels[at]), largestOf(answer.lines));
    byId("strip-said").textContent = [setup.captions.strip, ...wordsOf(answer)].join(" ");
    if (!answer.lines.length) {
      return byId("strip").replaceChildren("None of these trials memorized or generalized.");
    }
    chart.datasets = {strip: answer.lines.map((line) =>
      ({...line, label: labels[line.position], said: sentenceOf(line)}))};
    const {view} = await draw("strip", chart, `delays-by-${axis}`);
    view.addEventListener("click", (_, item) => this.pick(item?.datum?.trial_id));
  }

  /** @param {string | undefined} id of a trial to show */
  async pick(id) {
    if (!id || !this.state) return;
    const {row} = await this.source.trial(id);
    this.change({trial: id, labels: labelsOfTrial(this.state, row)});
  }
}

/**
 * The template with an axis laid over it, in the room that there is. The function `strip_laid_out`
 * of analysis/charts/strip.py does the same for drawings in files.
 * @param {string} title of the axis
 * @param {string[]} labels of the rows, from above
 * @param {number} largest lines of the largest row
 * @returns {Chart}
 */
function chartOf(title, labels, largest) {
  const chart = structuredClone(setup.strip.chart);
  const {steps, gap} = setup.strip;
  const step = Math.max(steps[0],
    ...steps.filter((each) => each * labels.length * largest <= chart.height));
  const row = step * largest + gap;
  chart.width = byId("strip").clientWidth;
  chart.height = row * labels.length;
  chart.autosize = {type: "fit-x", contains: "padding"};
  const scale = {paddingInner: gap / row, paddingOuter: gap / 2 / row};
  for (const {encoding} of chart.layer) Object.assign(encoding.y, {title, sort: labels, scale});
  for (const param of chart.params) param.value = Math.max(Number(param.value), step - 1);
  return chart;
}

/** @param {StripLine[]} lines */
const largestOf = (lines) =>
  Math.max(1, ...[...Map.groupBy(lines, ({position}) => position).values()].map((row) => row.length));

/**
 * What a strip leaves out, in sentences; `strip_words` of analysis/phases/strip_lines.py says the same.
 * @param {StripAnswer} answer
 */
function wordsOf({lines, most, trials, neither}) {
  return [
    ...lines.length < trials ? [`A random sample: at most ${most} trials of each row, ` +
      `${whole(lines.length)} of ${whole(trials)}.`] : [],
    ...neither ? [`Trials that did neither are left out: ${whole(neither)}.`] : []];
}

/**
 * A trial in words, as analysis/figures/strip_figures.py has it.
 * @param {StripLine} line
 */
function sentenceOf({trial_id, phase, kind, start, end}) {
  const began = kind === "at once" ? "" : `memorized at ${whole(start)}, `;
  const ended = kind === "censored" ? "not generalized by" : "generalized at";
  return `trial ${trial_id.slice(0, 8)}, ${phase}: ${began}${ended} ${whole(end)}`;
}
