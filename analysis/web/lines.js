// Where the positions of an axis lie along a side of a diagram. A diagram has only the positions
// that its slice has: they share the whole side, at the distances that their values have.

/** @import {Axis} from "./types.js" */

/**
 * Some positions of an axis laid out along a side, as shares of it from 0 to 1.
 * @typedef {object} Line
 * @property {number[]} used the positions, in rising order
 * @property {(position: number) => [number, number]} ends where a position begins and ends
 * @property {(value: number) => number} at where a value lies
 * @property {number[]} ticks where the labels are
 */

/**
 * Lay out some positions of an axis.
 * @param {Axis} axis
 * @param {number[]} used in rising order, at least one
 * @returns {Line}
 */
export function lineOf(axis, used) {
  /** @param {number} value of the axis, as it is spaced */
  const spaced = (value) => axis.scale === "log" ? Math.log(value) : value;
  const numeric = axis.scale !== "ordinal" && used.length > 1;
  const edges = numeric ? edgesOf(axis, used).map(spaced) : [...used.keys(), used.length];
  const first = edges[0], size = edges[edges.length - 1] - first;
  const shares = edges.map((edge) => (edge - first) / size);
  const centers = axis.channel.axis.values;
  /** @param {number} value */
  const at = (value) => (spaced(value) - first) / size;
  return {
    used,
    ends: (position) => {
      const rank = used.indexOf(position);
      return [shares[rank], shares[rank + 1]];
    },
    at,
    ticks: used.map((position, rank) =>
      numeric ? at(centers[position]) : (shares[rank] + shares[rank + 1]) / 2),
  };
}

/**
 * The edges of some positions in units of the axis: their own where they are neighbors, and else
 * the middles between their values.
 * @param {Axis} axis of numbers
 * @param {number[]} used at least two
 */
function edgesOf({spans, channel, scale}, used) {
  const last = used.length - 1;
  if (used[last] - used[0] === last) {
    return [spans[used[0]][0], ...used.map((position) => spans[position][1])];
  }
  const log = scale === "log";
  const values = used.map((position) => channel.axis.values[position]);
  /** @type {(a: number, b: number) => number} */
  const middle = (a, b) => log ? Math.sqrt(a * b) : (a + b) / 2;
  /** @type {(value: number, edge: number) => number} */
  const mirrored = (value, edge) => log ? value * value / edge : 2 * value - edge;
  const middles = values.slice(1).map((value, i) => middle(values[i], value));
  return [mirrored(values[0], middles[0]), ...middles,
    mirrored(values[last], middles[last - 1])];
}
