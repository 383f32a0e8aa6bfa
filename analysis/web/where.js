// Filters as `analysis query --where` takes them, for the table of a report, which has no server.
// analysis/tables/where.py has the grammar and the meaning: there and here the same rows pass, and
// the same texts are refused. Here a refusal is one short sentence with the character's number.
// Whole numbers are exact up to 2^53 here.

import {nearestName} from "./names.js";
import {Refusal, refuse, split} from "./tokens.js";

/** @import {Token} from "./tokens.js" */
/** @import {Kind, Value} from "./types.js" */

/**
 * The value of a column in one row.
 * @typedef {(column: string) => Value} Row
 *
 * True, false, or null: unknown, since a value is null.
 * @typedef {(row: Row) => boolean | null} Filter
 *
 * One side of a comparison: a column, or a value.
 * @typedef {{token: Token, kind: Kind, column: string | null, value: Value}} Operand
 *
 * @typedef {(a: any, b: any) => boolean} Sign
 *
 * A column and a value that a filter compares by ==, != or in.
 * @typedef {{column: string, value: NonNullable<Value>, written: string}} Equality
 */

const MAX_LENGTH = 4000, MAX_DEPTH = 40;
/** @type {Record<string, Sign>} */
const SIGNS = {
  "==": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b,
  "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
// What other languages write, and what is written here.
/** @type {Record<string, string>} */
const SLIPS = {"=": "==", "<>": "!=", "!": "not", "&": "and", "&&": "and", "|": "or", "||": "or"};
const UNPRINTABLE = /[^\P{C}]|[^\P{Z} ]/u;

/**
 * The function of a row that a filter stands for.
 * @param {string} text
 * @param {Record<string, Kind>} kinds what each column holds
 * @returns {Filter}
 * @throws {Refusal} where the text is not a filter
 */
export function readFilter(text, kinds) {
  const length = [...text].length;
  if (length > MAX_LENGTH) {
    throw new Refusal(`not a filter: ${length} characters, and at most ${MAX_LENGTH} are read.`);
  }
  return new Reader(split(text), kinds).read();
}

/**
 * What a filter compares by ==, != and in; `readFilter` has the arguments.
 * @param {string} text
 * @param {Record<string, Kind>} kinds
 */
export function equalities(text, kinds) {
  const reader = new Reader(split(text), kinds);
  reader.read();
  return reader.equalities;
}

/** Recursive descent over the tokens; each method reads one rule of the grammar. */
class Reader {
  /**
   * @param {Token[]} tokens
   * @param {Record<string, Kind>} kinds
   */
  constructor(tokens, kinds) {
    this.tokens = tokens;
    this.kinds = kinds;
    this.index = 0;  // of the next token
    this.depth = 0;
    /** @type {Equality[]} */
    this.equalities = [];
  }

  get next() { return this.tokens[this.index]; }

  take() { return this.tokens[this.index++]; }

  /**
   * Whether these keywords or marks come next; if so they are taken.
   * @param {...string} wanted
   */
  took(...wanted) {
    const ahead = this.tokens.slice(this.index, this.index + wanted.length);
    const taken = wanted.every((word, i) =>
      ahead[i] && (ahead[i].word || (ahead[i].kind === "mark" ? ahead[i].text : "")) === word);
    if (taken) this.index += wanted.length;
    return taken;
  }

  /**
   * @param {string} rule what the next token should be
   * @returns {never}
   */
  expected(rule) {
    const {kind, text, index} = this.next;
    const slip = kind === "mark" && SLIPS[text];
    return refuse(index, slip ? `write ${slip}` : kind === "end" ? `it ends, but ${rule}` : rule);
  }

  read() {
    const filter = this.filter();
    if (this.next.kind !== "end") this.expected("terms are joined by and, or");
    return filter;
  }

  /** @returns {Filter} */
  filter() {
    const terms = [this.conjunction()];
    while (this.took("or")) terms.push(this.conjunction());
    return joined(terms, true);
  }

  conjunction() {
    const terms = [this.term()];
    while (this.took("and")) terms.push(this.term());
    return joined(terms, false);
  }

  /** @returns {Filter} */
  term() {
    if (this.took("true")) return () => true;
    if (this.took("false")) return () => false;
    if (this.next.word !== "not" && this.next.text !== "(") return this.comparison();
    if (++this.depth > MAX_DEPTH) {
      refuse(this.next.index, `a filter nests at most ${MAX_DEPTH} deep`);
    }
    let term;
    if (this.took("not")) {
      term = negated(this.term());
    } else {
      this.take();
      term = this.filter();
      if (!this.took(")")) this.expected("a parenthesis is closed");
    }
    this.depth--;
    return term;
  }

  comparison() {
    let left = this.operand();
    const {column} = left;
    if (column !== null) {
      if (this.took("is", "null")) return (/** @type {Row} */ row) => row(column) === null;
      if (this.took("is", "not", "null")) return (/** @type {Row} */ row) => row(column) !== null;
      if (this.took("in")) return this.membership(left, column);
      if (this.took("not", "in")) return negated(this.membership(left, column));
    }
    const links = [];
    while (this.next.kind === "mark" && this.next.text in SIGNS) {
      const sign = this.take().text;
      const right = this.operand(left);
      if (sign === "==" || sign === "!=") this.noteEquality(left, right);
      links.push(compared(left, SIGNS[sign], right));
      left = right;
    }
    if (!links.length) {
      const signs = Object.keys(SIGNS).join(", ");
      this.expected(`a column is compared by ${signs}, is null or in [...]`);
    }
    return joined(links, false);
  }

  /**
   * @param {Operand} left
   * @param {string} column
   * @returns {Filter}
   */
  membership(left, column) {
    if (!this.took("[")) this.expected("in is followed by a list, like k in [2, 3]");
    const values = new Set([this.literal(left)]);
    while (this.took(",")) values.add(this.literal(left));
    if (!this.took("]")) this.expected("a list is values between commas, and ends with ]");
    return (row) => row(column) === null ? null : values.has(row(column));
  }

  /** @param {Operand} left the column whose values the list holds */
  literal(left) {
    const operand = this.operand(left);
    if (operand.column !== null) refuse(operand.token.index, "a list holds numbers or quoted text");
    requireSameKind(left, operand);
    this.noteEquality(left, operand);
    return operand.value;
  }

  /**
   * @param {Operand} one
   * @param {Operand} other
   */
  noteEquality(one, other) {
    const [{column}, {value, token}] = one.column !== null ? [one, other] : [other, one];
    if (column !== null && value !== null) {
      this.equalities.push({column, value, written: token.text});
    }
  }

  /**
   * @param {Operand} [beside] the side that comes before it
   * @returns {Operand}
   */
  operand(beside) {
    const token = this.next;
    if (token.word === "null") this.expected("write is null or is not null");
    if (!["number", "text", "name"].includes(token.kind) || token.word) {
      this.expected("here is a column, a number or quoted text");
    }
    this.take();
    if (token.kind === "number") {
      const value = Number(token.text);
      if (!Number.isFinite(value)) refuse(token.index, "a number is below 1.8e308");
      return {token, kind: "number", column: null, value};
    }
    if (token.kind === "text") {
      if (UNPRINTABLE.test(token.text)) refuse(token.index, "quoted text is printable");
      return {token, kind: "text", column: null, value: token.text.slice(1, -1)};
    }
    if (!Object.hasOwn(this.kinds, token.text)) {
      if (beside && beside.column !== null && beside.kind === "text") {
        refuse(token.index, `text stands in quotes; write "${token.text}"`);
      }
      const near = nearestName(token.text, Object.keys(this.kinds));
      refuse(token.index, near ? `no such column; did you mean ${near}?`
        : "no such column; `analysis columns` lists all");
    }
    return {token, kind: this.kinds[token.text], column: token.text, value: null};
  }
}

/**
 * All terms joined by or (`end` is true) or by and (`end` is false): a term that is `end` decides;
 * else, what is unknown stays unknown.
 * @param {Filter[]} terms
 * @param {boolean} end
 * @returns {Filter}
 */
function joined(terms, end) {
  if (terms.length === 1) return terms[0];
  return (row) => {
    let unknown = false;
    for (const term of terms) {
      const value = term(row);
      if (value === end) return end;
      unknown ||= value === null;
    }
    return unknown ? null : !end;
  };
}

/**
 * @param {Filter} term
 * @returns {Filter}
 */
function negated(term) {
  return (row) => {
    const value = term(row);
    return value === null ? null : !value;
  };
}

/**
 * @param {Operand} left
 * @param {Operand} right
 */
function requireSameKind(left, right) {
  if (left.kind === right.kind) return;
  const [column, other] = left.column !== null ? [left, right] : [right, left];
  refuse(other.token.index,
    `${column.column} holds ${column.kind === "text" ? "text, which is in quotes" : "numbers"}`);
}

/**
 * @param {Operand} left
 * @param {Sign} sign
 * @param {Operand} right
 * @returns {Filter}
 */
function compared(left, sign, right) {
  if (left.column === null && right.column === null) {
    refuse(left.token.index, "one side of a comparison is a column");
  }
  requireSameKind(left, right);
  /** @type {(operand: Operand, row: Row) => Value} */
  const side = (operand, row) => operand.column === null ? operand.value : row(operand.column);
  return (row) => {
    const [a, b] = [side(left, row), side(right, row)];
    return a === null || b === null ? null : sign(a, b);
  };
}
