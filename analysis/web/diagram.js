// The phase diagram: cells of the chosen slice on two axes, as a drawing and as a table.

const STEP = {least: 22, most: 58};  // pixels of a cell
const NARROWEST = 380;  // pixels of a diagram, where there is room: its legend is as wide

class Diagram {
  // `choose(place)` is told the labels of a position that was clicked, or entered by the keyboard.
  constructor(choose) {
    this.choose = choose;
    this.drawn = "";
    this.cursor = null;
    const box = byId("diagram");
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => this.point(null));
  }

  // The rows of a diagram: every position of two axes in the view's slice, `trials` 0 if empty.
  static rows(state, view) {
    const {axes, cells} = state;
    const [x, y] = [view.x, view.y].map((name) => axes.find((axis) => axis.name === name));
    const cellAt = cellsByPlace(state);
    const here = axes.map((axis) => axis.labels.indexOf(view.place[axis.name]));
    const [ix, iy] = [axes.indexOf(x), axes.indexOf(y)];
    const rows = [];
    for (let j = 0; j < y.labels.length; j++) {
      for (let i = 0; i < x.labels.length; i++) {
        const key = here.slice();
        key[ix] = i;
        key[iy] = j;
        const cell = cellAt.get(key.join());
        const [x0, x1, xm] = edges(x, i), [y0, y1, ym] = edges(y, j);
        const row = {at: `${i},${j}`, cell, x0, x1, xm, y0, y1, ym, trials: 0,
          place: axes.map((axis, n) => `${axis.title} ${axis.labels[key[n]]}`).join(", ")};
        if (cell !== undefined) {
          for (const [name, column] of Object.entries(cells)) {
            if (!(name in view.place)) row[name] = column[cell];
          }
        }
        rows.push(row);
      }
    }
    return rows;
  }

  async show(state, view) {
    Object.assign(this, {state, view});
    const [x, y] = [view.x, view.y].map((name) => state.axes.find((axis) => axis.name === name));
    Object.assign(this, {x, y});
    this.rows = Diagram.rows(state, view);
    const at = [x, y].map((axis) => axis.labels.indexOf(view.place[axis.name])).join();
    const chart = this.chart(state, view, x, y);
    const wanted = JSON.stringify(chart);
    const boundary = boundaryOf(state, view, x, y);
    byId("diagram-said").textContent = [setup.captions[view.color],
      ...boundary.length ? [setup.captions.boundary] : [],
      ...state.aggregated ? ["Neighbouring values of an axis (~) share a cell."] : [],
      ...setup.limits ? [setup.limits] : []].join(" ");
    if (wanted !== this.drawn) {
      this.drawn = wanted;
      this.seen = (await draw("diagram", chart, "phase-diagram", () => this.asCsv())).view;
      this.seen.addEventListener("click", (event, item) => this.pick(item?.datum?.at));
    }
    this.seen.data("cells", this.rows).data("boundary", boundary);
    await this.seen.signal("cell", at).signal("cursor", this.cursor ?? "").resize().runAsync();
    hideEmptyGroups(byId("diagram"));
    this.twin(at);
  }

  // The template of the colouring with the axes laid over it; charts.laid_out does the same.
  chart(state, view, x, y) {
    const chart = structuredClone(setup.diagrams[view.color]);
    const room = byId("diagram").clientWidth;
    const margin = 52 + 7 * Math.max(...y.labels.map((label) => label.length));
    const step = Math.max(STEP.least, Math.min(STEP.most, (room - margin) / x.labels.length));
    const wide = Math.max(step * x.labels.length + margin, NARROWEST);
    chart.width = Math.min(room, Math.round(wide));
    chart.height = Math.round(step * y.labels.length);
    chart.autosize = {type: "fit-x", contains: "padding"};
    for (const {encoding} of chart.layer) {
      Object.assign(encoding.x, x.channel);
      Object.assign(encoding.y, y.channel);
      if (encoding.color?.field === "phase" && room < 460) encoding.color.legend.columns = 2;
      if (encoding.color?.field === "generalized_median_epoch") {
        encoding.color.scale.domain = state.epochs.domain;
        encoding.color.legend.values = state.epochs.values;
      }
    }
    return chart;
  }

  labels(at) {
    const [i, j] = at.split(",").map(Number);
    return {[this.x.name]: this.x.labels[i], [this.y.name]: this.y.labels[j]};
  }

  pick(at) {
    if (this.rows.find((row) => row.at === at)?.trials) this.choose(this.labels(at));
  }

  // Arrow keys move a cursor between cells, Enter selects.
  key(event) {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
    if (event.key in move) {
      const place = [this.x, this.y].map((axis) => axis.labels.indexOf(this.view.place[axis.name]));
      const from = this.cursor ? this.cursor.split(",").map(Number) : place;
      const ends = [this.x, this.y].map((axis) => axis.labels.length - 1);
      this.point(from.map((at, n) =>
        Math.min(ends[n], Math.max(0, at + move[event.key][n]))).join());
    } else if (event.key === "Escape") {
      this.point(null);
    } else if (["Enter", " "].includes(event.key) && this.cursor) {
      this.pick(this.cursor);
    } else {
      return;
    }
    event.preventDefault();
  }

  point(at) {
    this.cursor = at;
    this.seen?.signal("cursor", at ?? "").runAsync();
    const row = this.rows?.find((one) => one.at === at);
    byId("cursor-said").textContent = row ? said(row) : "";
  }

  twin(at) {
    const rows = this.y.labels.map((label, j) => [label, this.x.labels.map((_, i) => {
      const row = this.rows[j * this.x.labels.length + i];
      if (!row.trials) return element("td", "no trials");
      const button = element("button", `${row.phase} ${row.generalized}/${row.trials}`,
        {type: "button", title: said(row), "aria-pressed": row.at === at});
      button.style.setProperty("--phase", setup.colors[row.phase]);
      button.addEventListener("click", () => {
        this.pick(row.at);
        this.refocus = true;
      });
      const td = element("td");
      td.append(button);
      return td;
    })]);
    byId("twin").replaceChildren(table(
      `${this.y.title} down, ${this.x.title} across; phase, and generalised of all`,
      ["", ...this.x.labels], rows.toReversed()));
    if (this.refocus) byId("twin").querySelector("[aria-pressed=true]")?.focus();
    this.refocus = false;
  }

  asCsv() {
    const names = Object.keys(this.state.cells).filter((name) => !(name in this.view.place));
    const axes = this.state.axes.map((axis) => axis.name);
    const filled = this.rows.filter((row) => row.trials);
    return csv([...axes, ...names], filled.map((row) => [
      ...axes.map((name) => ({...this.view.place, ...this.labels(row.at)})[name]),
      ...names.map((name) => row[name])]));
  }
}

// From the positions of a cell, joined, to its number; made once for a state.
function cellsByPlace(state) {
  if (!state.cellAt) {
    const columns = state.axes.map((axis) => state.cells[axis.name]);
    state.cellAt = new Map(state.cells.trials.map((_, cell) =>
      [columns.map((column) => column[cell]).join(), cell]));
  }
  return state.cellAt;
}

const placeOf = (state, cell) => Object.fromEntries(
  state.axes.map((axis) => [axis.name, axis.labels[state.cells[axis.name][cell]]]));

function cellOf(state, place) {
  const key = state.axes.map((axis) => axis.labels.indexOf(place[axis.name]));
  return cellsByPlace(state).get(key.join());
}

// Where a position begins and ends, and its middle as it is drawn.
function edges(axis, i) {
  if (!axis.edges) return [i - 0.5, i + 0.5, i];
  const [low, high] = [axis.edges[i], axis.edges[i + 1]];
  return [low, high, axis.scale === "log" ? Math.sqrt(low * high) : (low + high) / 2];
}

// The boundary of the slice on show, whichever of its two axes is across.
function boundaryOf(state, view, x, y) {
  if (!x.edges || !y.edges) return [];
  const here = state.boundaries.find((one) =>
    [view.x, view.y].every((name) => name === one.x || name === one.y) &&
    Object.entries(one.slice ?? {}).every(([name, label]) => view.place[name] === label));
  if (!here || here.x === view.x) return here?.points ?? [];
  return here.points.map((at) =>
    ({...at, x: at.y, y: at.x, low: at.left, high: at.right, left: at.low, right: at.high}));
}

const median = (row) => row.generalized_median_epoch === null
  ? `> ${whole(row.watched_epochs)}` : whole(row.generalized_median_epoch);

const said = (row) => row.trials
  ? `${row.place}: ${row.phase}, ${row.generalized}/${row.trials} generalised, ` +
    `median epoch ${median(row)}`
  : `${row.place}: no trials`;

// The filled cell nearest to a place: it has the label that was asked for, and differs from the
// place on as few other axes as may be, on those that are drawn last.
function nearest(state, view, name, label) {
  const wanted = state.axes.find((axis) => axis.name === name).labels.indexOf(label);
  const here = state.axes.map((axis) => axis.labels.indexOf(view.place[axis.name]));
  let best = null, least = Infinity;
  for (let cell = 0; cell < state.cells.trials.length; cell++) {
    if (state.cells[name][cell] !== wanted) continue;
    let far = 0;
    for (const [n, axis] of state.axes.entries()) {
      const away = Math.abs(state.cells[axis.name][cell] - here[n]);
      const drawn = axis.name === view.x || axis.name === view.y;
      if (axis.name !== name && away) far += drawn ? away : 1000;
    }
    if (far < least) [best, least] = [cell, far];
  }
  return best === null ? {...view.place, [name]: label} : placeOf(state, best);
}
