// Elements, and numbers as text.

const byId = (id) => document.getElementById(id);

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A table whose rows are [head, cells], cells being <td>s.
function table(caption, heads, rows) {
  const whole = element("table");
  whole.append(element("caption", caption), element("thead"), element("tbody"));
  const [, head, body] = whole.children;
  head.append(element("tr"));
  // An empty corner is no head of anything.
  head.firstChild.append(...heads.map((text) =>
    (text instanceof Node) ? text : text ? element("th", text, {scope: "col"}) : element("td")));
  for (const [name, cells] of rows) {
    const row = element("tr");
    const first = element("th", "", {scope: "row"});
    first.append(name);
    row.append(first, ...cells);
    body.append(row);
  }
  return whole;
}

const whole = (number) => number.toLocaleString("en");
const percent = (share) => `${(100 * share).toFixed(0)}%`;
const words = (name) => name.replaceAll("_", " ");

function shown(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

// Menus keep their element and their focus while the study grows: only what changed is replaced.
function fill(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.replaceChildren(...options.map(([key, text]) => element("option", text, {value: key})));
    select.dataset.options = wanted;
  }
  select.value = value;
}

function saveFile(name, url) {
  const link = element("a", "", {href: url, download: name});
  document.body.append(link);
  link.click();
  link.remove();
}

function saveText(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  saveFile(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const quoted = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csv = (heads, rows) =>
  [heads, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
