// The table of trials: filtered in the language of `analysis query --where`, sorted, a page at a time.

import {isTrial} from "./address.js";
import {asText, byId, element, inputById, table, whole, words} from "./dom.js";
import {filterOf} from "./selection.js";
import {setup} from "./setup.js";

/** @import {Source, State, TableAnswer, Trial, View} from "./types.js" */

const ROWS_A_PAGE = 50;

export class Trials {
  /**
   * @param {Source} source
   * @param {(change: Partial<View>, row?: Trial) => void} change is told what of the view changes:
   *     where, sort, descending, or the trial to show, with its row
   */
  constructor(source, change) {
    this.source = source;
    this.change = change;
    this.offset = 0;  // of the first row on show
    this.questions = 0;  // an answer counts only if no later question was asked meanwhile
    this.shown = "";  // what the table was last asked for, as JSON
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.change({where: inputById("where").value.trim()});
    });
    byId("every-column").addEventListener("change", () => this.ask());
    byId("earlier").addEventListener("click", () => this.turn(-1));
    byId("later").addEventListener("click", () => this.turn(1));
    for (const format of source.live ? ["CSV", "Parquet"] : ["CSV"]) {
      const button = element("button", `Download ${format}`, {type: "button"});
      button.addEventListener("click", () => source.download(format.toLowerCase(),
        this.where()).catch((error) => this.refuse(error)));
      byId("downloads").append(button, " ");
    }
  }

  /** The filter of the rows on show. */
  where() { return this.state && this.view ? filterOf(this.state, this.view) : ""; }

  /** @param {string} name of a column: one of an axis with one value says nothing in a table */
  isConstant(name) {
    return setup.axes.includes(name) && !this.state?.axes.some((axis) => axis.name === name);
  }

  /**
   * Show the rows that a view asks for; the source is asked only where they may have changed.
   * @param {State} state
   * @param {View} view
   */
  async show(state, view) {
    const before = this.view, filtered = this.where();
    this.state = state;
    this.view = view;
    const key = JSON.stringify([state.trials, this.where(), view.sort, view.descending]);
    if (this.shown === key) return this.mark();
    this.shown = key;
    const same = before && filtered === this.where() && before.sort === view.sort &&
      before.descending === view.descending;
    if (!same) this.offset = 0;
    if (before?.where !== view.where) inputById("where").value = view.where;
    await this.ask();
  }

  /** @param {number} pages to turn, backwards if negative */
  async turn(pages) {
    this.offset += pages * ROWS_A_PAGE;
    await this.ask();
  }

  async ask() {
    if (!this.view) return;
    const {sort, descending} = this.view, where = this.where();
    const question = ++this.questions;
    const query = {where, sort, descending, offset: this.offset, limit: ROWS_A_PAGE};
    try {
      const answer = await this.source.trials(query);
      if (question !== this.questions) return;
      byId("where-wrong").textContent = answer.hints.join(" ");
      this.draw(answer);
    } catch (error) {
      this.refuse(/** @type {Error} */ (error));
    }
  }

  /** @param {Error} error whose sentence is shown under the filter; the table stays */
  refuse(error) {
    byId("where-wrong").textContent = error.message.replace(/^where: /, "");
  }

  /** @param {TableAnswer} answer to show */
  draw({total, columns, rows}) {
    const names = inputById("every-column").checked ? columns
      : setup.table.filter((name) => columns.includes(name) && !this.isConstant(name));
    const focused = document.activeElement instanceof HTMLElement
      ? document.activeElement.dataset.sort : undefined;
    const heads = names.map((name) => this.head(name));
    byId("rows").replaceChildren(table("Trials; times in epochs, phases as watched",
      [element("th", "trial", {scope: "col"}), ...heads],
      rows.map((row) => this.row(row, names))));
    if (focused) {
      /** @type {HTMLElement | null} */
      const head = byId("rows").querySelector(`[data-sort="${focused}"]`);
      head?.focus();
    }
    const last = Math.min(total, this.offset + ROWS_A_PAGE);
    byId("pages").textContent = total ? `${whole(this.offset + 1)} to ${whole(last)} of ` +
      `${whole(total)} trials` : this.state?.trials ? "no trial passes the filter" : "no trials yet";
    /** @type {HTMLButtonElement} */ (byId("earlier")).disabled = this.offset === 0;
    /** @type {HTMLButtonElement} */ (byId("later")).disabled = last >= total;
    this.mark();
  }

  /**
   * A row of the table: a button with the beginning of the id, then the values.
   * @param {Trial} row
   * @param {string[]} names of the columns
   * @returns {[HTMLElement, HTMLElement[]]}
   */
  row(row, names) {
    const button = element("button", row.trial_id.slice(0, 8),
      {type: "button", title: row.trial_id, "data-trial": row.trial_id});
    button.addEventListener("click", () => this.change({trial: row.trial_id}, row));
    return [button, names.map((name) =>
      element("td", asText(row[name]), setup.kinds[name] === "number" ? {} : {class: "text"}))];
  }

  /** @param {string} name of a column, whose head sorts: up, down, then not at all */
  head(name) {
    const sorted = this.view?.sort === name, descending = this.view?.descending ?? false;
    const head = element("th", "", {scope: "col",
      class: setup.kinds[name] === "number" ? "" : "text",
      "aria-sort": !sorted ? "none" : descending ? "descending" : "ascending"});
    const button = element("button", words(name), {type: "button", "data-sort": name});
    button.addEventListener("click", () => this.change(sorted && descending
      ? {sort: "", descending: false} : {sort: name, descending: sorted}));
    head.append(button);
    return head;
  }

  // Mark the row of the trial on show.
  mark() {
    for (const button of byId("rows").querySelectorAll("button[data-trial]")) {
      const id = button.getAttribute("data-trial") ?? "";
      button.closest("tr")?.classList.toggle("chosen", isTrial(this.view?.trial ?? "", id));
    }
  }
}
