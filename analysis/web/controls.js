// The menus of the diagram: its two axes, its coloring, the patience, and the slice on all other axes.

import {viewOf} from "./address.js";
import {nearestLabels} from "./cells.js";
import {byId, element, fillMenu, menuById, whole} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Axis, State, View} from "./types.js" */

/**
 * Fill the menus.
 * @param {State} state
 * @param {View} view
 * @param {(change: Partial<View>) => void} change is told what of the view a choice changes
 */
export function showControls(state, view, change) {
  const [x, y, color, patience] = ["x", "y", "color", "patience"].map(menuById);
  /** @type {[string, string][]} */
  const axes = state.axes.map((axis) => [axis.name, axis.title]);
  fillMenu(x, axes, view.x);
  fillMenu(y, axes, view.y);
  fillMenu(color, Object.entries(setup.colorings).filter(([name]) =>
    name === "phase" || name in state.ramps), view.color);
  fillMenu(patience, setup.patiences, state.patience);
  // Choosing the other axis swaps the two.
  x.onchange = () => change({x: x.value, y: x.value === view.y ? view.x : view.y});
  y.onchange = () => change({y: y.value, x: y.value === view.x ? view.y : view.x});
  color.onchange = () => change({color: color.value});
  patience.onchange = () => change({patience: patience.value});
  showFacets(state, view, change);
  const others = state.axes.filter((axis) =>
    ![view.x, view.y, ...view.facets].includes(axis.name));
  makeSliceMenus(others);
  for (const {name, labels, trials} of others) {
    const menu = menuById(`slice-${name}`);
    fillMenu(menu, labels.map((label, i) => [label, `${label} (${whole(trials[i])} trials)`]),
      view.labels[name]);
    menu.onchange = () => change(
      {labels: nearestLabels(state, viewOf(state), name, menu.value), trial: ""});
  }
}

/**
 * Fill the two menus of facets; a menu without a choice is hidden.
 * @param {State} state
 * @param {View} view
 * @param {(change: Partial<View>) => void} change
 */
function showFacets(state, view, change) {
  const [first, second] = view.facets;
  const free = state.axes.filter(({name}) => ![view.x, view.y].includes(name));
  /** @type {(menu: HTMLSelectElement, axes: Axis[], value: string | undefined) => void} */
  const fill = (menu, axes, value) => {
    fillMenu(menu, [["", "none"], ...axes.map(({name, title}) =>
      /** @type {[string, string]} */ ([name, title]))], value ?? "");
    if (menu.parentElement) menu.parentElement.hidden = !axes.length;
  };
  const [one, two] = ["facet", "second-facet"].map(menuById);
  fill(one, free, first);
  fill(two, first ? free.filter(({name}) => name !== first) : [], second);
  const choose = () => change({facets: one.value ? [one.value, two.value].filter(Boolean) : []});
  one.onchange = two.onchange = choose;
}

/**
 * Make one menu for each axis that is not drawn, unless these menus are there.
 * @param {Axis[]} axes
 */
function makeSliceMenus(axes) {
  const ids = axes.map((axis) => `slice-${axis.name}`);
  const present = [...byId("slices").querySelectorAll("select")].map((menu) => menu.id);
  if (present.join() === ids.join()) return;
  byId("slices").replaceChildren(...axes.map((axis) => {
    const label = element("label", `${axis.title} `);
    label.append(element("select", "", {id: `slice-${axis.name}`}));
    return label;
  }));
}
