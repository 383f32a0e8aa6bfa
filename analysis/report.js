// Shows what page.py wrote: cells of the chosen slice in two diagrams and a table, and the curves
// of the selected cell. One function changes what is selected, `select`; all views follow it.
"use strict";
(async () => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const readings = await unpack(document.getElementById("readings").textContent);
  const starts = readings.count.reduce((ends, n) => [...ends, ends.at(-1) + n], [0]);
  const trialsOf = Map.groupBy(readings.cell.keys(), (trial) => readings.cell[trial]);
  const byId = (id) => document.getElementById(id);

  // Log errors only: a chart without an event to mark is no reason for a warning.
  const options = {renderer: "svg", actions: false, logLevel: 1};
  const embed = (id) => vegaEmbed(byId(id), page.charts[id], options);
  const [diagram, map, curves] = (await Promise.all(
    ["phase-diagram", "time-map", "curves"].map(embed))).map((embedded) => embedded.view);

  for (const law of page.laws) {
    const figure = element("figure");
    const chart = element("div", "", {class: "chart"});
    figure.append(element("h3", law.title), element("figcaption", law.caption), chart);
    byId("laws").append(figure);
    await vegaEmbed(chart, law.chart, options);
  }

  let shown = [];  // cells of the slice
  let selected = page.cells.find((cell) => cell.cell === page.start);
  const same = (a, b, axes) => axes.every((axis) => a[axis] === b[axis]);

  for (const axis of page.slices) byId("slices").append(menu(axis));
  for (const view of [diagram, map]) {
    view.addEventListener("click", (event, item) => {
      const cell = page.cells[item?.datum?.cell];
      if (cell?.trials) select(cell);
    });
  }
  slice();

  // A base64 gzip of JSON, as data.
  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function menu(axis) {
    const choice = element("select", "", {id: `slice-${axis.name}`});
    for (const label of axis.labels) choice.append(element("option", label, {value: label}));
    choice.value = selected[axis.name];
    choice.addEventListener("change", slice);
    const label = element("label", axis.title);
    label.append(choice);
    return label;
  }

  // Show the cells of the chosen slice, and in it the cell at the same place as before.
  function slice() {
    const names = page.slices.map((axis) => axis.name);
    const wanted = Object.fromEntries(names.map((name) => [name, byId(`slice-${name}`).value]));
    shown = page.cells.filter((cell) => same(cell, wanted, names));
    for (const view of [diagram, map]) view.data("cells", shown);
    const filled = shown.filter((cell) => cell.trials);
    select(filled.find((cell) => same(cell, selected, [page.x, page.y])) ?? filled[0] ?? selected);
  }

  function select(cell) {
    selected = cell;
    for (const view of [diagram, map]) view.signal("cell", cell.cell).runAsync();
    const trials = shown.includes(cell) ? trialsOf.get(cell.cell) ?? [] : [];
    byId("cell-title").textContent = trials.length ? cell.place : "No trials here";
    byId("cell-said").textContent = trials.length ? describe(cell, trials.length) : "";
    curves.data("curves", trials.flatMap(lines)).data("events", events(cell)).resize().runAsync();
    byId("trials").replaceChildren(trialTable(trials));
    byId("twin").replaceChildren(twin());
  }

  function describe(cell, drawn) {
    const some = drawn < cell.trials ? ` Curves of ${drawn} of its ${cell.trials} trials.` : "";
    const flags = cell.flags_text ? ` (${cell.flags_text})` : "";
    return `${cell.phases_text}${flags}. Generalised ${cell.count_text}, ` +
      `95% interval ${cell.interval_text}.${some}`;
  }

  function lines(trial) {
    const rows = [];
    for (let i = starts[trial]; i < starts[trial + 1]; i++) {
      for (const set of ["train", "test"]) {
        const accuracy = readings[set][i];
        if (accuracy !== null) {
          rows.push({seed: readings.seed[trial], set, epoch: readings.epoch[i],
            accuracy: accuracy / page.scale});
        }
      }
    }
    return rows;
  }

  function events(cell) {
    return [["memorised", cell.memorized_median_epoch], ["generalised", cell.generalized_median_epoch]]
      .filter(([, epoch]) => epoch !== null)
      .map(([name, epoch]) => ({epoch, event: `half ${name}: ${epoch}`}));
  }

  function trialTable(trials) {
    const heads = ["seed", "phase", "memorised", "generalised", "ended", "epochs"];
    const columns = [readings.seed, readings.phase, readings.memorized, readings.generalized,
      readings.ended, readings.epochs];
    const rows = trials.map((trial) =>
      columns.map((column) => column[trial] ?? `not by ${readings.epochs[trial]}`));
    return table("Trials of this cell; times in epochs", heads, rows.map(([head, ...cells]) =>
      [head, cells.map((text) => element("td", text))]));
  }

  function twin() {
    const at = new Map(shown.map((cell) => [`${cell[page.y]}|${cell[page.x]}`, cell]));
    const rows = page.labels.y.toReversed().map((y) => [y, page.labels.x.map((x) => {
      const cell = at.get(`${y}|${x}`);
      if (!cell?.trials) return element("td", "no trials");
      const button = element("button", `${cell.phase} ${cell.count_text}`,
        {type: "button", title: cell.said, "aria-pressed": cell === selected});
      button.style.setProperty("--phase", page.colors[cell.phase]);
      button.addEventListener("click", () => {
        select(cell);
        byId("twin").querySelector("[aria-pressed=true]").focus();
      });
      const td = element("td");
      td.append(button);
      return td;
    })]);
    return table(`${page.titles.y} down, ${page.titles.x} across; phase and generalised of all`,
      ["", ...page.labels.x], rows);
  }

  function table(caption, heads, rows) {
    const whole = element("table");
    whole.append(element("caption", caption), element("thead"), element("tbody"));
    const [, head, body] = whole.children;
    head.append(element("tr"));
    head.firstChild.append(...heads.map((text) => element("th", text, {scope: "col"})));
    for (const [name, cells] of rows) {
      const row = element("tr");
      row.append(element("th", name, {scope: "row"}), ...cells);
      body.append(row);
    }
    return whole;
  }

  function element(tag, text = "", attributes = {}) {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }
})();
