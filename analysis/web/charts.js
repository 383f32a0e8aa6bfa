// Every chart of the page: drawn by Vega from a template, with a menu that saves it.

// Log errors only: a chart without an event to mark is no reason for a warning.
const OPTIONS = {renderer: "svg", actions: false, logLevel: 1};

// Draw a chart into the element of this id (replacing one), and give it its menu where the page has
// a place for one. `rows()` is its data as CSV; without it, all of the chart's named data.
async function draw(id, chart, name, rows = null) {
  const box = byId(id);
  const drawn = await vegaEmbed(box, chart, OPTIONS);
  hideEmptyGroups(box);
  const menu = document.querySelector(`[data-chart="${id}"]`);
  menu?.replaceChildren(saveMenu(drawn.view, box, name, rows ?? (() => namedData(drawn))));
  return drawn;
}

// Vega leaves groups of marks without any: for a screen reader, images that say nothing.
function hideEmptyGroups(box) {
  for (const group of box.querySelectorAll("g[role^=graphics]")) {
    group.toggleAttribute("aria-hidden", false);
    if (!group.childElementCount) group.setAttribute("aria-hidden", "true");
  }
}

// Where there is no room to the right of the mouse, Vega moves a tooltip to its left, on a phone
// beyond the edge of the screen. Vega has placed it by the time the mouse's event comes up here.
document.addEventListener("mousemove", () => {
  const box = byId("vg-tooltip-element");
  if (!box?.classList.contains("visible")) return;
  const {left, top, width, height} = box.getBoundingClientRect();
  const within = (at, size, room) => `${Math.max(0, Math.min(at, room - size))}px`;
  box.style.left = within(left, width, document.documentElement.clientWidth);
  box.style.top = within(top, height, window.innerHeight);
});

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
  for (const [form, save] of Object.entries(ways)) {
    const button = element("button", form, {type: "button"});
    button.addEventListener("click", async () => {
      menu.open = false;
      await save();
    });
    list.append(button);
  }
  menu.append(list);
  return menu;
}

// In a file there is no page whose ink the drawing could take: black, on a transparent ground.
const standalone = (svg) => svg.replace("<svg ", '<svg color="black" ');

async function onPaper(view) {
  const ground = view.background();
  view.background("white");
  const url = await view.toImageURL("png", 2);
  view.background(ground);
  return url;
}

// Browsers print to PDF: print this chart alone.
function printOne(box) {
  box.classList.add("printed");
  document.body.classList.add("one");
  window.print();
  box.classList.remove("printed");
  document.body.classList.remove("one");
}

// All named rows of a drawn chart, one table; `part` says which they are, where there are several.
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
  return csv(heads, parts.map((row) => heads.map((head) => row[head])));
}
