// The panel beside the diagram: the selected cell's trials as curves and rows, and one trial of it.

class Panel {
  // `choose(id)` is told the trial that was clicked, "" to let it go.
  constructor(source, choose) {
    Object.assign(this, {source, choose, shown: "", asked: 0, views: new Map()});
  }

  // Show the cell of the view; ask for it again only where it may have changed.
  async show(state, view) {
    const cell = cellOf(state, view.place);
    const tally = cell === undefined ? "" : Object.values(state.cells).map((c) => c[cell]).join();
    const key = JSON.stringify([view.place, tally]);
    if (key !== this.shown) {
      const turn = ++this.asked;
      const answer = cell === undefined ? {trials: [], readings: {trial: []}, total: 0}
        : await this.source.cell(view.place, cell);
      if (turn !== this.asked) return;  // another cell was clicked meanwhile
      this.shown = key;
      this.answer = answer;
      this.describe(state, cell, view);
      this.listed(answer.trials);
      await this.draw(state, cell);
    }
    await this.highlight(view.trial);
  }

  describe(state, cell, view) {
    if (cell === undefined) {
      byId("cell-title").textContent = "No trials here";
      byId("cell-said").textContent = "";
      return;
    }
    const row = Object.fromEntries(Object.entries(state.cells).map(([k, c]) => [k, c[cell]]));
    const listed = (names) => names.filter((name) => row[name])
      .map((name) => `${row[name]} ${name.replaceAll("_", "-")}`).join(", ");
    const flags = listed(setup.flags);
    const some = this.answer.trials.length < row.trials
      ? ` Curves of ${this.answer.trials.length} of its ${whole(row.trials)} trials.` : "";
    byId("cell-title").textContent =
      state.axes.map((axis) => `${axis.title} ${view.place[axis.name]}`).join(", ");
    byId("cell-said").textContent = `${listed(Object.keys(setup.colors))}` +
      `${flags && ` (${flags})`}. Generalised ${row.generalized}/${row.trials}, 95% interval ` +
      `${percent(row.generalized_low)} to ${percent(row.generalized_high)}.${some}`;
  }

  async draw(state, cell) {
    const {trials, readings} = this.answer;
    const has = (name) => readings[name]?.some((value) => value !== null);
    const charts = Object.entries(setup.curves).filter(([title, {columns}]) =>
      title === "accuracy" || columns.some(has));
    const titles = charts.map(([title]) => title);
    if (titles.join() !== [...this.views.keys()].join() || this.width !== this.room()) {
      this.width = this.room();
      this.views.clear();
      byId("curves").replaceChildren(...titles.map((title) => this.frame(title)));
      for (const [title, {chart}] of charts) await this.embed(title, chart);
    }
    for (const [title, {columns}] of charts) {
      const rows = columns.filter((name) => name in readings).flatMap((name) => {
        const set = ["train", "test"].find((one) => name.split("_").includes(one)) ?? "";
        return readings.trial.map((trial, i) => ({trial: trials[trial].trial_id,
          seed: trials[trial].seed, set, epoch: readings.epoch[i], value: readings[name][i]}));
      });
      await this.views.get(title).data("curves", rows).data("events", []).resize().runAsync();
    }
    this.events = cell === undefined ? [] : [["memorised", "memorized"],
      ["generalised", "generalized"]].map(([said, name]) =>
      ({event: `half ${said}`, epoch: state.cells[`${name}_median_epoch`][cell]}));
  }

  room() { return byId("curves").clientWidth; }

  frame(title) {
    const id = `curve-${title.replaceAll(" ", "-")}`;
    const figure = element("figure", "", {class: title === "accuracy" ? "large" : "small"});
    const head = element("div", "", {class: "head"});
    head.append(element("h3", title), element("div", "", {class: "export", "data-chart": id}));
    figure.append(head, element("div", "", {class: "chart", id}));
    return figure;
  }

  async embed(title, template) {
    const id = `curve-${title.replaceAll(" ", "-")}`;
    const chart = structuredClone(template);
    chart.width = byId(id).clientWidth;
    chart.height = title === "accuracy" ? 190 : 110;
    chart.autosize = {type: "fit-x", contains: "padding"};
    const {view} = await draw(id, chart, title, () => this.asCsv(title));
    view.addEventListener("click", (event, item) => {
      const trial = item?.datum?.trial;
      if (trial) this.choose(trial);
    });
    this.views.set(title, view);
  }

  listed(trials) {
    const names = ["seed", "phase", "memorised", "generalised", "ended", "epochs"];
    const rows = trials.map((trial) => {
      const button = element("button", trial.seed, {type: "button", "data-trial": trial.trial_id});
      button.addEventListener("click", () => this.choose(trial.trial_id));
      const late = (event) => trial[event] ?? `not by ${whole(trial.epochs_run)}`;
      return [button, [trial.phase, late("memorized_epoch"), late("generalized_epoch"), trial.ended,
        trial.epochs_run].map((text) => element("td", text))];
    });
    byId("members").replaceChildren(
      table("Trials of this cell, by seed; times in epochs", names, rows));
    byId("members").hidden = !trials.length;
  }

  // The trial stands out in the curves; its row and its replay are below.
  async highlight(id) {
    const member = this.answer.trials.find((trial) => isTrial(id, trial.trial_id));
    for (const button of byId("members").querySelectorAll("button")) {
      const chosen = isTrial(id, button.dataset.trial);
      button.setAttribute("aria-pressed", chosen);
      button.closest("tr").classList.toggle("chosen", chosen);
    }
    const own = member && [["memorised", "memorized_epoch"], ["generalised", "generalized_epoch"]]
      .map(([event, name]) => ({event, epoch: member[name]}));
    const events = (own ?? this.events).filter(({epoch}) => epoch !== null)
      .map(({event, epoch}) => ({epoch, event: `${event}: ${whole(epoch)}`}));
    for (const view of this.views.values()) {
      await view.data("events", events).signal("trial", member?.trial_id ?? "").runAsync();
    }
    if (!id) byId("trial").replaceChildren();
    else if (id !== byId("trial").dataset.shown || !byId("trial").children.length) {
      await this.tell(id);
    }
    byId("trial").dataset.shown = id;
  }

  async tell(id) {
    const {row, replay} = await this.source.trial(id)
      .catch((error) => ({row: {trial_id: error.message}, replay: ""}));
    const facts = element("dl", "", {class: "row"});
    for (const [name, value] of Object.entries(row)) {
      if (value === null || value === false) continue;
      const pair = element("div");
      pair.append(element("dt", words(name)), element("dd", shown(value)));
      facts.append(pair);
    }
    const head = element("div", "", {class: "head"});
    const close = element("button", "Let go", {type: "button"});
    close.addEventListener("click", () => this.choose(""));
    head.append(element("h3", row.seed === undefined ? "Trial" : `Trial of seed ${row.seed}`),
      close);
    const command = element("p", "Train it again, and see its circuits: ");
    command.append(element("code", replay));
    const copy = element("button", "Copy", {type: "button"});
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(replay);
      copy.textContent = "Copied";
    });
    if (navigator.clipboard) command.append(" ", copy);
    byId("trial").replaceChildren(head, ...replay ? [command] : [], facts);
  }

  asCsv(title) {
    const {trials, readings} = this.answer;
    const names = setup.curves[title].columns.filter((name) => name in readings);
    return csv(["trial_id", "seed", "epoch", ...names], readings.trial.map((trial, i) =>
      [trials[trial].trial_id, trials[trial].seed, readings.epoch[i],
        ...names.map((name) => readings[name][i])]));
  }
}
