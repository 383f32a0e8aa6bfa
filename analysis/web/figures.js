// The sections "Transition times", "What the study asks" and "Circuits": charts that Python has drawn, along one axis at a
// time.

import {draw} from "./charts.js";
import {byId, element, fillMenu, menuById, words} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Axis, Figure, State} from "./types.js" */

const TALL = 400;  // pixels; a chart that is higher takes the room of two
const NARROW = 400;  // pixels; a chart that is narrower has the entries of its legend in several rows

/**
 * What is on show in a section, as JSON: charts are drawn again only where they have changed.
 * @type {Record<string, string>}
 */
const drawn = {};

/** @param {State} state whose laws, questions and circuits to show */
export async function showSections(state) {
  if (state.laws_html !== undefined) {
    const early = state.so_far ? '<p class="soft">Of the trials so far.</p>' : "";
    byId("laws-said").innerHTML = early + state.laws_html;
  }
  byId("circuits").hidden = !state.circuits?.length;
  byId("questions").hidden = !state.questions?.length;
  byId("circuits-said").textContent = setup.captions.circuits;
  await showFigures("laws", state.laws ?? [], state.axes);
  await showFigures("questions", state.questions ?? [], state.axes);
  await showFigures("circuits", state.circuits ?? [], state.axes);
}

/**
 * Show the figures of a section along the axis of its menu.
 * @param {"laws" | "questions" | "circuits"} section
 * @param {Figure[]} figures along all axes
 * @param {Axis[]} axes of the study
 */
async function showFigures(section, figures, axes) {
  const names = [...new Set(figures.flatMap(({axis}) => axis ? [axis] : []))];
  const menu = menuById(`${section}-axis`);
  const chosen = names.includes(menu.value) ? menu.value : names[0];
  const titles = new Map(axes.map(({name, title}) => [name, title]));
  fillMenu(menu, names.map((name) => [name, titles.get(name) ?? words(name)]), chosen);
  if (menu.parentElement) menu.parentElement.hidden = names.length < 2;
  menu.onchange = () => showFigures(section, figures, axes);
  const shown = figures.filter((figure) => !figure.axis || figure.axis === chosen);
  const wanted = JSON.stringify([shown, byId(`${section}-figures`).clientWidth]);
  if (drawn[section] === wanted) return;
  drawn[section] = wanted;
  byId(`${section}-figures`).replaceChildren(
    ...shown.map((figure, i) => frameOf(figure, `${section}-${i}`)));
  for (const [i, {title, chart}] of shown.entries()) {
    const id = `${section}-${i}`;
    const fitted = structuredClone(chart);
    byId(id).parentElement?.classList.toggle("tall", (chart.height ?? 0) > TALL);
    fitted.width = Math.min(460, byId(id).clientWidth);
    if (fitted.width < NARROW) Object.assign(fitted.config.legend ??= {}, {columns: 2});
    fitted.autosize = {type: "fit-x", contains: "padding"};
    await draw(id, fitted, title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"));
  }
}

/**
 * The title, the menu, the caption and the room of a chart.
 * @param {Figure} figure
 * @param {string} id of the chart
 */
function frameOf({title, caption}, id) {
  const frame = element("figure");
  const head = element("div", "", {class: "head"});
  head.append(element("h3", title), element("div", "", {class: "export", "data-chart": id}));
  frame.append(head, element("p", caption, {class: "soft"}), element("div", "", {class: "chart", id}));
  return frame;
}
