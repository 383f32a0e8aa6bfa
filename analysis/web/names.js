// The name that somebody meant.

/**
 * The name that differs least from a word, or null where none differs in a third of its letters or
 * fewer.
 * @param {string} word
 * @param {string[]} names
 */
export function nearestName(word, names) {
  let nearest = null, least = Math.floor(word.length / 3) + 1;
  for (const name of names) {
    const distance = edits(word, name);
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/**
 * How many letters to change, add or remove to make one text of another (Levenshtein).
 * @param {string} a
 * @param {string} b
 */
function edits(a, b) {
  let row = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(a[i - 1] !== b[j - 1])));
    }
    row = next;
  }
  return row[b.length];
}
