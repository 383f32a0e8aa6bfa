// The table of trials: filtered in the language of `analysis query --where`, sorted, a page at a time.

const ROWS_A_PAGE = 50;

class Trials {
  // `change` is told what of the view changes: where, sort, descending, or a trial to show.
  constructor(source, change) {
    Object.assign(this, {source, change, offset: 0, asked: 0, shown: ""});
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.change({where: byId("where").value.trim()});
    });
    byId("every-column").addEventListener("change", () => this.list());
    byId("earlier").addEventListener("click", () => this.turn(-1));
    byId("later").addEventListener("click", () => this.turn(1));
    for (const form of source.live ? ["CSV", "Parquet"] : ["CSV"]) {
      const button = element("button", `Download ${form}`, {type: "button"});
      button.addEventListener("click", () =>
        source.download(form.toLowerCase(), this.view.where).catch((error) => this.refuse(error)));
      byId("downloads").append(button, " ");
    }
  }

  // Axes with one value say nothing in a table.
  constant(name) {
    return setup.axes.includes(name) && !this.state.axes.some((axis) => axis.name === name);
  }

  async show(state, view) {
    this.state = state;
    const key = JSON.stringify([state.trials, view.where, view.sort, view.descending]);
    const same = this.view && ["where", "sort", "descending"].every((k) => this.view[k] === view[k]);
    const again = this.shown !== key;
    this.view = view;
    if (!again) return this.mark();
    this.shown = key;
    if (!same) {
      this.offset = 0;
      byId("where").value = view.where;
    }
    await this.list();
  }

  async turn(pages) {
    this.offset += pages * ROWS_A_PAGE;
    await this.list();
  }

  async list() {
    const {where, sort, descending} = this.view;
    const turn = ++this.asked;
    const asked = {where, sort, descending, offset: this.offset, limit: ROWS_A_PAGE};
    try {
      const answer = await this.source.trials(asked);
      if (turn !== this.asked) return;
      byId("where-wrong").textContent = "";
      this.draw(answer);
    } catch (error) {
      this.refuse(error);
    }
  }

  refuse(error) {
    byId("where-wrong").textContent = error.message.replace(/^where: /, "");
  }

  draw({total, columns, rows}) {
    const names = byId("every-column").checked ? columns
      : setup.table.filter((name) => columns.includes(name) && !this.constant(name));
    const focused = document.activeElement?.dataset?.sort;
    const heads = names.map((name) => this.head(name));
    const body = rows.map((row) => {
      const button = element("button", row.trial_id.slice(0, 8),
        {type: "button", title: row.trial_id, "data-trial": row.trial_id});
      button.addEventListener("click", () => this.change({trial: row.trial_id, row}));
      return [button, names.map((name) =>
        element("td", shown(row[name]), setup.kinds[name] === "number" ? {} : {class: "text"}))];
    });
    const listed = table("Trials; times in epochs", [element("th", "trial", {scope: "col"}), ...heads],
      body);
    byId("rows").replaceChildren(listed);
    if (focused) byId("rows").querySelector(`[data-sort="${focused}"]`)?.focus();
    const last = Math.min(total, this.offset + ROWS_A_PAGE);
    byId("pages").textContent = total ? `${whole(this.offset + 1)} to ${whole(last)} of ` +
      `${whole(total)} trials` : "no trial passes the filter";
    byId("earlier").disabled = this.offset === 0;
    byId("later").disabled = last >= total;
    this.mark();
  }

  head(name) {
    const {sort, descending} = this.view;
    const here = sort === name;
    const kind = setup.kinds[name] === "number" ? "" : "text";
    const head = element("th", "", {scope: "col", class: kind,
      "aria-sort": !here ? "none" : descending ? "descending" : "ascending"});
    const button = element("button", words(name), {type: "button", "data-sort": name});
    button.addEventListener("click", () =>
      this.change(here && descending ? {sort: "", descending: false}
        : {sort: name, descending: here}));
    head.append(button);
    return head;
  }

  mark() {
    for (const button of byId("rows").querySelectorAll("[data-trial]")) {
      const chosen = isTrial(this.view.trial, button.dataset.trial);
      button.closest("tr").classList.toggle("chosen", chosen);
    }
  }
}
