// Where answers come from: a report's own archive, or the server of a live page. Both answer the
// same questions: state, cell, trial, trials, download.

class Archive {
  // `packed`: base64 of gzipped JSON: columns of trials, the cell of each, and their readings.
  constructor(setup, packed) {
    this.live = false;
    this.setup = setup;
    this.ready = unpack(packed).then((content) => this.open(content));
  }

  open({trials, cell, count, readings}) {
    this.columns = trials;
    this.names = Object.keys(trials);
    this.rows = trials.trial_id.length;
    this.readings = readings;
    this.starts = [0];
    for (const n of count) this.starts.push(this.starts.at(-1) + n);
    this.of = Map.groupBy(cell.keys(), (trial) => cell[trial]);
    this.number = new Map(trials.trial_id.map((id, trial) => [id, trial]));
  }

  async state() { return this.setup.state; }

  async cell(labels, index) {
    await this.ready;
    const carried = (this.of.get(index) ?? [])
      .filter((trial) => this.starts[trial + 1] > this.starts[trial]);
    const members = carried.length ? carried : (this.of.get(index) ?? []).slice(0, 24);
    return {
      total: this.setup.state.cells.trials[index] ?? 0,
      trials: members.map((trial) => this.row(trial)),
      readings: this.curves(members),
    };
  }

  row(trial) {
    return Object.fromEntries(this.names.map((name) => [name, this.columns[name][trial]]));
  }

  // Readings travel as whole steps from one to the next, in a unit of each trial's own.
  curves(members) {
    const columns = {trial: [], epoch: []};
    const names = Object.keys(this.readings.columns);
    for (const name of names) columns[name] = [];
    for (const [i, trial] of members.entries()) {
      const [start, end] = [this.starts[trial], this.starts[trial + 1]];
      let epoch = 0;
      for (let at = start; at < end; at++) {
        columns.trial.push(i);
        columns.epoch.push(epoch += this.readings.epoch[at]);
      }
      for (const name of names) {
        const {step, power} = this.readings.columns[name];
        let value = 0;
        for (let at = start; at < end; at++) {
          if (step[at] !== null) value += step[at];
          columns[name].push(step[at] === null ? null : Number(`${value}e${power[trial]}`));
        }
      }
    }
    return columns;
  }

  async trial(id) {
    await this.ready;
    const alike = this.columns.trial_id.filter((one) => id && one.startsWith(id));
    const found = this.number.has(id) ? id : alike[0];
    if (!alike.length) throw new Refusal(`${id}: not among the trials of this report.`);
    if (alike.length > 1 && found !== id) {
      throw new Refusal(`${id}: ${alike.length} trials of this report begin so. ` +
        `Write more of it: ${alike.slice(0, 5).join(", ")}${alike.length > 5 ? ", ..." : "."}`);
    }
    const row = this.row(this.number.get(found));
    return {row, replay: replayOf(this.setup.state.store, found)};
  }

  async matching({where, sort, descending}) {
    await this.ready;
    const {columns} = this;
    let chosen = [...Array(this.rows).keys()];
    if (where) {
      const filter = readFilter(where, this.setup.kinds);
      chosen = chosen.filter((trial) => filter((name) => columns[name][trial]) === true);
    }
    if (sort) {
      const by = columns[sort], sign = descending ? -1 : 1;
      chosen.sort((a, b) => {
        const [x, y] = [by[a], by[b]];
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return sign * (x < y ? -1 : x > y ? 1 : 0) || a - b;
      });
    }
    return chosen;
  }

  async trials(asked) {
    const chosen = await this.matching(asked);
    const rows = chosen.slice(asked.offset, asked.offset + asked.limit);
    return {total: chosen.length, columns: this.names, rows: rows.map((trial) => this.row(trial))};
  }

  async download(form, where) {
    const chosen = await this.matching({where});
    const names = this.names.filter((name) => name !== "phase");
    const rows = chosen.map((trial) => names.map((name) => this.columns[name][trial]));
    saveText(`${this.setup.state.name}.csv`, "text/csv", csv(names, rows));
  }
}

class Server {
  constructor() {
    this.live = true;
    this.tag = null;
  }

  // The state, or null where it has not changed since it was last asked for.
  async state() {
    const headers = this.tag ? {"If-None-Match": this.tag} : {};
    const answer = await fetch("/api/state", {headers, cache: "no-store"});
    if (answer.status === 304) return null;
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    const state = await answer.json();
    this.tag = answer.headers.get("ETag");
    return state;
  }

  cell(labels) { return this.ask("cell", labels); }

  trial(id) { return this.ask("trial", {trial_id: id}); }

  trials(asked) { return this.ask("trials", asked); }

  async download(form, where) {
    const query = new URLSearchParams({format: form, ...where && {where}});
    saveFile("", `/api/download?${query}`);
  }

  async ask(what, parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null);
    const answer = await fetch(`/api/${what}?${new URLSearchParams(given)}`, {cache: "no-store"});
    const content = await answer.json();
    if (!answer.ok) throw new Refusal(content.error);
    return content;
  }
}

const replayOf = (store, id) =>
  `analysis circuits ${/^[\w./:@-]+$/.test(store) ? store : `'${store.replaceAll("'", "'\\''")}'`} ${id}`;

// A base64 gzip of JSON, as data.
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
