// Elements of the page, numbers as text, files to save.

/** @import {Value} from "./types.js" */

/** @param {string} id that an element of page.html has, or one that the page has made */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} id of a menu of page.html */
export const menuById = (id) => /** @type {HTMLSelectElement} */ (byId(id));

/** @param {string} id of an input of page.html */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Value} [text]
 * @param {Record<string, Value>} [attributes]
 */
export function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text === null ? "" : String(text);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/**
 * A table with a caption.
 * @param {string} caption
 * @param {(string | Node)[]} heads texts, or <th> elements
 * @param {[string | Node, Node[]][]} rows the head of a row, and its <td> elements
 */
export function table(caption, heads, rows) {
  const [head, body] = [element("thead"), element("tbody")];
  const headRow = element("tr");
  // An empty corner is no header of anything: a <td>.
  headRow.append(...heads.map((text) =>
    (text instanceof Node) ? text : text ? element("th", text, {scope: "col"}) : element("td")));
  head.append(headRow);
  for (const [name, cells] of rows) {
    const row = element("tr");
    const first = element("th", "", {scope: "row"});
    first.append(name);
    row.append(first, ...cells);
    body.append(row);
  }
  const made = element("table");
  made.append(element("caption", caption), head, body);
  return made;
}

/** @param {number} number a whole number, as 12,345 */
export const whole = (number) => number.toLocaleString("en");

/** @param {number} share from 0 to 1, as a percentage */
export const percent = (share) => `${(100 * share).toFixed(0)}%`;

/** @param {string} name of a column, as words */
export const words = (name) => name.replaceAll("_", " ");

/**
 * A value as text: a number to 6 digits, null as nothing.
 * @param {Value | undefined} value
 */
export function asText(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

/** @type {[number, string, number][]} */
const UNITS = [[86_400, "days", 1], [3_600, "h", 1], [60, "min", 0]];

/**
 * A duration in words. study/terminal/durations.py has the same rule: each unit is used from twice
 * its size on.
 * @param {number} seconds
 */
export function durationInWords(seconds) {
  for (const [size, unit, digits] of UNITS) {
    if (seconds >= 2 * size) return `${(seconds / size).toFixed(digits)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

/**
 * Give a menu its options and select one. Options that have not changed stay the same elements: the
 * menu keeps its focus while the study grows.
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} options value and text of each
 * @param {string} value
 */
export function fillMenu(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.replaceChildren(...options.map(([key, text]) => element("option", text, {value: key})));
    select.dataset.options = wanted;
  }
  select.value = value;
}

/**
 * Save what an address holds as a file.
 * @param {string} name
 * @param {string} url
 */
export function saveFile(name, url) {
  const link = element("a", "", {href: url, download: name});
  document.body.append(link);
  link.click();
  link.remove();
}

/**
 * Save a text as a file.
 * @param {string} name
 * @param {string} type media type
 * @param {string} text
 */
export function saveText(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  saveFile(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {unknown} value as a field of CSV */
const quoted = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/**
 * Rows as CSV.
 * @param {string[]} heads
 * @param {unknown[][]} rows
 */
export const csv = (heads, rows) =>
  [heads, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
