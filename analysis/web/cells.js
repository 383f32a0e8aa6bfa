// The cells of a study: a cell holds the trials at one position on every axis. A cell is found by its
// labels, one for each axis; `state.cells` has its numbers.

/** @import {Axis, BoundaryPoint, Labels, State, Trial, View} from "./types.js" */

/**
 * An axis of the state by its name.
 * @param {State} state
 * @param {string} name
 */
export const axisOf = (state, name) =>
  /** @type {Axis} */ (state.axes.find((axis) => axis.name === name));

/**
 * The position of each label, in the order of the axes; -1 for a label that an axis does not have.
 * @param {State} state
 * @param {Labels} labels
 */
export const positionsOf = (state, labels) =>
  state.axes.map((axis) => axis.labels.indexOf(labels[axis.name]));

/**
 * For each state, the number of the cell at some positions, joined by commas; made once for a state.
 * @type {WeakMap<State, Map<string, number>>}
 */
const cellNumbers = new WeakMap();

/**
 * The cells with trials to come, by their positions joined by commas; made once for a state.
 * @type {WeakMap<State, Map<string, Coming>>}
 */
const comingTrials = new WeakMap();

/** @typedef {{coming: number, in_training: number}} Coming trials that are still to come */

/**
 * Which trials are still to come at each position that has some.
 * @param {State} state
 * @returns {Map<string, Coming>}
 */
export function comingOf(state) {
  let found = comingTrials.get(state);
  if (!found) {
    const {pending} = state;
    found = new Map(pending?.coming.map((coming, i) =>
      [state.axes.map(({name}) => pending[name][i]).join(),
        {coming, in_training: pending.in_training[i]}]));
    comingTrials.set(state, found);
  }
  return found;
}

/** @param {Coming} trials of a cell, in words */
export const comingSaid = ({coming, in_training}) => `${coming} to come` +
  (in_training ? `, ${in_training === coming ? "all" : in_training} in training` : "");

/**
 * The positions of all cells: of those that hold trials, and of those that will.
 * @param {State} state
 * @returns {number[][]} one for each axis, of each cell
 */
export const placesOf = (state) => [
  ...state.cells.trials.map((_, cell) => state.axes.map(({name}) => Number(state.cells[name][cell]))),
  ...[...comingOf(state).keys()].map((positions) => positions.split(",").map(Number)),
];

/**
 * The number of the cell at some positions, or undefined where no trial is.
 * @param {State} state
 * @param {number[]} positions one for each axis
 */
export function cellAt(state, positions) {
  let numbers = cellNumbers.get(state);
  if (!numbers) {
    const columns = state.axes.map((axis) => state.cells[axis.name]);
    numbers = new Map(state.cells.trials.map((_, cell) =>
      [columns.map((column) => column[cell]).join(), cell]));
    cellNumbers.set(state, numbers);
  }
  return numbers.get(positions.join());
}

/**
 * The labels of a cell.
 * @param {State} state
 * @param {number} cell
 * @returns {Labels}
 */
const labelsOfCell = (state, cell) => Object.fromEntries(state.axes.map((axis) =>
  [axis.name, axis.labels[Number(state.cells[axis.name][cell])]]));

/**
 * The labels of the cell that a trial is in.
 * @param {State} state
 * @param {Trial} trial
 * @returns {Labels}
 */
export function labelsOfTrial(state, trial) {
  return Object.fromEntries(state.axes.map(({name, labels, cuts}) => {
    const value = trial[name];
    if (name === "setting") return [name, trial.setting || "unnamed"];
    if (value === null) return [name, labels[labels.length - 1]];  // fresh rows: the last position
    return [name, labels[cuts.filter((cut) => cut <= Number(value)).length]];
  }));
}

/**
 * The labels of the filled cell that is nearest to the view and has a given label. Differing on an
 * axis that is not drawn counts more than any distance on those that are.
 * @param {State} state
 * @param {View} view
 * @param {string} name of an axis
 * @param {string} label on that axis
 * @returns {Labels}
 */
export function nearestLabels(state, view, name, label) {
  const wanted = axisOf(state, name).labels.indexOf(label);
  const positions = positionsOf(state, view.labels);
  let nearest = null, least = Infinity;
  for (let cell = 0; cell < state.cells.trials.length; cell++) {
    if (state.cells[name][cell] !== wanted) continue;
    let distance = 0;
    for (const [i, axis] of state.axes.entries()) {
      const apart = Math.abs(Number(state.cells[axis.name][cell]) - positions[i]);
      const drawn = [view.x, view.y, ...view.facets].includes(axis.name);
      if (axis.name !== name && apart) distance += drawn ? apart : 1000;
    }
    if (distance < least) [nearest, least] = [cell, distance];
  }
  return nearest === null ? {...view.labels, [name]: label} : labelsOfCell(state, nearest);
}

/**
 * The points of the boundary in the slice on show; none where an axis is not a line of numbers. Where
 * the axes have changed places the points are `turned`: their bands lie along the axis across. It is
 * the same picture, turned: the band along the other axis would be another one.
 * @param {State} state
 * @param {View} view
 * @returns {{points: BoundaryPoint[], turned: boolean}}
 */
export function boundaryOf(state, view) {
  const drawn = [view.x, view.y];
  const boundary = drawn.some((name) => axisOf(state, name).scale === "ordinal") ? undefined
    : state.boundaries.find(({x, y, slice}) =>
      drawn.every((name) => name === x || name === y) &&
      Object.entries(slice).every(([name, label]) => view.labels[name] === label));
  const points = boundary?.points ?? [], turned = boundary !== undefined && boundary.x !== view.x;
  return {points: turned ? points.map((point) => ({...point, x: point.y, y: point.x})) : points, turned};
}
