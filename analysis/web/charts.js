// Every chart of the page: Vega draws it from a template, and a menu saves it.

import {byId, csv, element, saveFile, saveText, words} from "./dom.js";
import {unpacked} from "./packed.js";

/** @import {Drawn, VegaView} from "./types.js" */

// Errors only: Vega would warn of every chart that has no event to mark.
const OPTIONS = {renderer: "svg", actions: false, logLevel: 1};

// A report holds Vega's script compressed, which is half of its size; a live page has loaded it.
const vega = loadVega();

async function loadVega() {
  const packed = document.getElementById("vega")?.textContent;
  if (packed) document.head.append(element("script", await unpacked(packed)));
}

/**
 * Draw a chart into an element, replacing what is there, and give it its menu where the page has
 * room for one. Where entries of its legend are cut off, the legend gets fewer columns.
 * @param {string} id of the element
 * @param {object} chart a Vega-Lite specification
 * @param {string} name of the files that the menu saves
 * @param {() => string} [rows] the data as CSV; all named data of the chart where it is left out
 * @returns {Promise<Drawn>}
 */
export async function draw(id, chart, name, rows) {
  const box = byId(id);
  await vega;
  let drawn = await vegaEmbed(box, chart, OPTIONS);
  for (let columns = 4; columns && isLegendCut(box); columns--) {
    drawn = await vegaEmbed(box, withColumns(chart, columns), OPTIONS);
  }
  hideEmptyGroups(box);
  const menu = document.querySelector(`[data-chart="${id}"]`);
  menu?.replaceChildren(saveMenu(drawn.view, box, name, rows ?? (() => namedData(drawn))));
  return drawn;
}

/**
 * Whether an entry of a chart's legend ends to the right of the chart's room.
 * @param {Element} box that the chart is in
 */
function isLegendCut(box) {
  const {right} = box.getBoundingClientRect();
  return [...box.querySelectorAll(".role-legend-symbol ~ .role-legend-label text")]
    .some((entry) => entry.getBoundingClientRect().right > right + 1);
}

/**
 * A chart whose legends have so many columns.
 * @param {object} chart
 * @param {number} columns
 */
const withColumns = (chart, columns) => JSON.parse(JSON.stringify(chart), (key, value) =>
  key === "legend" && value ? {...value, columns} : value);

/**
 * Hide groups without marks from screen readers: Vega declares each an image, though it is empty.
 * @param {Element} box
 */
export function hideEmptyGroups(box) {
  for (const group of box.querySelectorAll("g[role^=graphics]")) {
    group.toggleAttribute("aria-hidden", false);
    if (!group.childElementCount) group.setAttribute("aria-hidden", "true");
  }
}

// Vega moves a tooltip to the left of the mouse where there is no room to the right of it. On a
// phone the tooltip then leaves the screen. This listener runs after Vega's own.
document.addEventListener("mousemove", () => {
  const box = document.getElementById("vg-tooltip-element");
  if (!box?.classList.contains("visible")) return;
  const {left, top, width, height} = box.getBoundingClientRect();
  /** @type {(at: number, size: number, room: number) => string} */
  const within = (at, size, room) => `${Math.max(0, Math.min(at, room - size))}px`;
  box.style.left = within(left, width, document.documentElement.clientWidth);
  box.style.top = within(top, height, window.innerHeight);
});

/**
 * The menu that saves a chart.
 * @param {VegaView} view
 * @param {HTMLElement} box that the chart is in
 * @param {string} name of the files
 * @param {() => string} rows the data as CSV
 */
function saveMenu(view, box, name, rows) {
  const menu = element("details");
  menu.append(element("summary", "Save", {"aria-label": `Save ${words(name)}`}));
  const list = element("div");
  const ways = {
    SVG: async () => saveText(`${name}.svg`, "image/svg+xml", standalone(await view.toSVG())),
    PNG: async () => saveFile(`${name}.png`, await onPaper(view)),
    PDF: () => printOne(box),
    CSV: () => saveText(`${name}.csv`, "text/csv", rows()),
  };
  for (const [format, save] of Object.entries(ways)) {
    const button = element("button", format, {type: "button"});
    button.addEventListener("click", async () => {
      menu.open = false;
      await save();
    });
    list.append(button);
  }
  menu.append(list);
  return menu;
}

/**
 * A drawing for a file of its own. On the page its ink is the page's text color; a file has no page,
 * so that the ink is black there.
 * @param {string} svg
 */
const standalone = (svg) => svg.replace("<svg ", '<svg color="black" ');

/**
 * A view as the address of a PNG on a white ground.
 * @param {VegaView} view
 */
async function onPaper(view) {
  const ground = view.background();
  view.background("white");
  const url = await view.toImageURL("png", 2);
  view.background(ground);
  return url;
}

/**
 * Print one chart alone: browsers print to PDF.
 * @param {HTMLElement} box
 */
function printOne(box) {
  box.classList.add("printed");
  document.body.classList.add("one");
  window.print();
  box.classList.remove("printed");
  document.body.classList.remove("one");
}

/**
 * All named rows of a drawn chart as CSV; the column `part` has the name.
 * @param {Drawn} drawn
 */
function namedData({view, spec}) {
  const names = [...new Set(JSON.stringify(spec).match(/(?<="name":")[\w-]+(?=")/g) ?? [])];
  const parts = names.flatMap((name) => {
    try {
      return view.data(name).map((row) => ({part: name, ...row}));
    } catch {
      return [];  // the name of something else
    }
  });
  const heads = [...new Set(parts.flatMap(Object.keys))].filter((key) => typeof key === "string");
  return csv(heads, parts.map((row) => heads.map((head) => Reflect.get(row, head))));
}
