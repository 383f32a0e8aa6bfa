// The sections "Transition times", "What the study asks" and "Circuits": charts that Python has drawn, along one axis at a
// time.

import {draw} from "./charts.js";
import {byId, element, fillMenu, menuById, words} from "./dom.js";
import {isFolded} from "./folds.js";
import {setup} from "./setup.js";

/** @import {Axis, Figure, State} from "./types.js" */

// Pixels of a figure: the least, and between two, as page.css has them; the most of its chart.
const LEAST = 330, GAP = 28, WIDEST = 720;
const TALL = 400;  // pixels; a chart that is higher takes the room of two

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
  if (isFolded(byId(`${section}-figures`).closest("section")?.id ?? "")) return;
  const names = [...new Set(figures.flatMap(({axis}) => axis ? [axis] : []))];
  const menu = menuById(`${section}-axis`);
  const chosen = names.includes(menu.value) ? menu.value : names[0];
  const titles = new Map(axes.map(({name, title}) => [name, title]));
  fillMenu(menu, names.map((name) => [name, titles.get(name) ?? words(name)]), chosen);
  menu.onchange = () => showFigures(section, figures, axes);
  const shown = shownOf(figures, names, chosen, byId(`${section}-figures`).clientWidth);
  const all = names.every((name) => shown.some(({axis}) => axis === name));
  if (menu.parentElement) menu.parentElement.hidden = all;
  const wanted = JSON.stringify([shown, byId(`${section}-figures`).clientWidth]);
  if (drawn[section] === wanted) return;
  drawn[section] = wanted;
  byId(`${section}-figures`).replaceChildren(
    ...shown.map((figure, i) => frameOf(figure, `${section}-${i}`)));
  for (const [i, {title, chart}] of shown.entries()) {
    const id = `${section}-${i}`;
    const fitted = structuredClone(chart);
    byId(id).parentElement?.classList.toggle("tall", (chart.height ?? 0) > TALL);
    fitted.width = Math.min(WIDEST, byId(id).clientWidth);
    fitted.autosize = {type: "fit-x", contains: "padding"};
    await draw(id, fitted, title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"));
  }
}

/**
 * The figures that are shown: those of the chosen axis, and of all that are along an axis more, as
 * many as make a row.
 * @param {Figure[]} figures along all axes
 * @param {string[]} names of the axes
 * @param {string} chosen
 * @param {number} room in pixels, across
 */
function shownOf(figures, names, chosen, room) {
  const along = figures.filter(({axis}) => !axis || axis === chosen);
  const more = figures.some(({axis}) => !axis) ? []  // a row is full without
    : names.filter((name) => name !== chosen)
      .slice(0, Math.max(0, Math.floor((room + GAP) / (LEAST + GAP)) - 1));
  return [...along, ...figures.filter(({axis}) => axis && more.includes(axis))];
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
