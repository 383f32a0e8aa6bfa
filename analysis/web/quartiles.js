// What several curves do together: their quartiles at an epoch. A curve has at each epoch the value of
// its last reading; one whose trial has ended keeps its last value.

/** @typedef {{epochs: number[], values: number[]}} Curve readings in the order of their epochs */

const MOST_EPOCHS = 80;  // of a band

/**
 * The value of a curve at an epoch: of the last reading until then; null before the first.
 * @param {Curve} curve
 * @param {number} epoch
 */
export function valueAt({epochs, values}, epoch) {
  let low = 0, high = epochs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (epochs[middle] <= epoch) low = middle + 1;
    else high = middle;
  }
  return low ? values[low - 1] : null;
}

/**
 * The quartiles of some numbers, between the two nearest where they fall between two.
 * @param {number[]} numbers at least one
 * @returns {[number, number, number]} lower quartile, median, upper quartile
 */
export function quartilesOf(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => {
    const place = share * (sorted.length - 1), below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
  return [at(.25), at(.5), at(.75)];
}

/**
 * The quartiles of curves at the epochs at which any has a reading, thinned where these are many.
 * @param {Curve[]} curves
 */
export function bandOf(curves) {
  const every = [...new Set(curves.flatMap(({epochs}) => epochs))].sort((a, b) => a - b);
  const step = Math.max(1, (every.length - 1) / (MOST_EPOCHS - 1));
  const count = every.length > MOST_EPOCHS ? MOST_EPOCHS : every.length;
  const epochs = Array.from({length: count}, (_, i) => every[Math.round(i * step)]);
  return epochs.map((epoch) => {
    const values = curves.map((curve) => valueAt(curve, epoch)).filter((value) => value !== null);
    const [low, median, high] = quartilesOf(values);
    return {epoch, low, median, high};
  });
}
