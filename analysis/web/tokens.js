// The tokens of a filter (where.js), and how a text is refused that is not a filter.

/**
 * `index` counts characters. `word` is the keyword that the token is, or "".
 * @typedef {{kind: string, text: string, index: number, word: string}} Token
 */

const KEYWORDS = new Set(["and", "or", "not", "is", "in", "null", "true", "false"]);
const TOKEN = new RegExp([
  /(?<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))/,
  /(?<name>[A-Za-z_]\w*)/,
  /(?<text>"[^"]*"|'[^']*')/,
  /(?<mark><>|[<>=!]=|&&|\|\||[\][(),<>=!&|])/,
  /(?<other>[^ \t\n\r\f\v])/u,
].map((part) => part.source).join("|"), "gu");

/** What the page says instead of an answer: one sentence. */
export class Refusal extends Error {}

/**
 * Refuse a filter.
 * @param {number} index of a character, from 0
 * @param {string} rule that the text breaks there
 * @returns {never}
 */
export function refuse(index, rule) {
  const stop = rule.endsWith("?") ? "" : ".";
  throw new Refusal(`not a filter, at character ${index + 1}: ${rule}${stop}`);
}

/**
 * The tokens of a filter, and one that marks the end.
 * @param {string} text
 * @throws {Refusal} where a sign is none that filters have
 */
export function split(text) {
  /** @type {Token[]} */
  const tokens = [];
  for (const match of text.matchAll(TOKEN)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, part]) => part !== undefined) ?? [""];
    const token = {kind, text: match[0], index: [...text.slice(0, match.index)].length, word: ""};
    const lower = token.text.toLowerCase();
    if (kind === "name" && KEYWORDS.has(lower)) token.word = lower;
    if (kind === "other" && `"'`.includes(token.text)) refuse(token.index, "the quote is not closed");
    if (kind === "other") refuse(token.index, "a sign that no filter has");
    tokens.push(token);
  }
  return [...tokens, {kind: "end", text: "", index: [...text].length, word: ""}];
}
