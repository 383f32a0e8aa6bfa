// Filters as `analysis query --where` takes them: analysis/tables/where.py in this language, for the table
// of a report, which has no server. Grammar, meaning and sentences are told there; the two are
// tested against each other. Whole numbers are exact up to 2^53 here.

const MAX_LENGTH = 4000, MAX_DEPTH = 40;
const SIGNS = {
  "==": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b,
  "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const SLIPS = {"=": "==", "<>": "!=", "!": "not", "&": "and", "&&": "and", "|": "or", "||": "or"};
const KEYWORDS = new Set(["and", "or", "not", "is", "in", "null", "true", "false"]);
const TOKEN = new RegExp([
  /(?<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))/,
  /(?<name>[A-Za-z_]\w*)/,
  /(?<text>"[^"]*"|'[^']*')/,
  /(?<mark><>|[<>=!]=|&&|\|\||[\][(),<>=!&|])/,
  /(?<other>[^ \t\n\r\f\v])/u,
].map((part) => part.source).join("|"), "gu");

const LISTING = "`analysis columns` lists all.";

class Refusal extends Error {}

// The function of a row (a function from column to value) that a filter stands for: true, false or
// null, unknown. `kinds` maps each column to "text" or "number". Throws Refusal, one sentence.
function readFilter(text, kinds) {
  const length = [...text].length;
  if (length > MAX_LENGTH) {
    throw new Refusal(`where: ${length} characters; a filter has at most ${MAX_LENGTH}. ` +
      "Shorten it, or filter the frame that load_trials returns.");
  }
  return new Reader(split(text), kinds).read();
}

function split(text) {
  const tokens = [];
  for (const match of text.matchAll(TOKEN)) {
    const [kind, found] = Object.entries(match.groups).find(([, part]) => part !== undefined);
    const token = {kind, text: found, at: [...text.slice(0, match.index)].length};
    token.word = kind === "name" && KEYWORDS.has(found.toLowerCase()) ? found.toLowerCase() : "";
    if (kind === "other" && `"'`.includes(found)) {
      refuse(token, "quoted text ends with the quote it began with", "Close it");
    }
    if (kind === "other") {
      refuse(token, "a filter is columns, numbers, quoted text and signs", "Remove it");
    }
    tokens.push(token);
  }
  return [...tokens, {kind: "end", text: "", at: [...text].length, word: ""}];
}

function refuse(token, rule, remedy) {
  const letters = [...token.text];
  const text = letters.length <= 40 ? token.text : `${letters.slice(0, 40).join("")}...`;
  const where = token.kind === "end" ? `ends at character ${token.at + 1}`
    : `${repr(text)} at character ${token.at + 1}`;
  throw new Refusal(`where: ${where}; ${rule}. ${remedy}.`);
}

// Rule and remedy for a name that is none of those known, as study/errors.py has them.
function choices(what, given, known, listing) {
  const rule = `${what} is one of ${known.length} names.`;
  const [nearest] = close(given, known, 1, 0.6);
  if (nearest) return `${rule} Did you mean ${repr(nearest)}?`;
  const near = close(given, known, 3, 0.4);
  return [rule, ...near.length ? [`Nearest: ${near.join(", ")}.`] : [], listing].join(" ");
}

// At most so many of the names known that are this much like one given, the nearest first: what
// Python's difflib.get_close_matches finds.
function close(given, known, most, least) {
  return known.map((name) => [2 * shared(name, given) / (name.length + given.length), name])
    .filter(([likeness]) => likeness >= least)
    .sort(([a, x], [b, y]) => b - a || (x < y ? 1 : -1))
    .slice(0, most).map(([, name]) => name);
}

// How many letters two texts share: those of the longest piece that is in both, and those shared by
// what lies before it and by what lies behind it.
function shared(a, b) {
  let size = 0, endA = 0, endB = 0, runs = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    const longer = new Uint16Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      if (a[i - 1] !== b[j - 1]) continue;
      longer[j] = runs[j - 1] + 1;
      if (longer[j] > size) [size, endA, endB] = [longer[j], i, j];
    }
    runs = longer;
  }
  return size && size + shared(a.slice(0, endA - size), b.slice(0, endB - size)) +
    shared(a.slice(endA), b.slice(endB));
}

const UNPRINTABLE = /[^\P{C}]|[^\P{Z} ]/gu;

// A text in quotes, as Python shows it.
function repr(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", [quote]: `\\${quote}`};
  const code = (letter) => {
    const hex = letter.codePointAt(0).toString(16);
    const [mark, width] = hex.length < 3 ? ["x", 2] : hex.length < 5 ? ["u", 4] : ["U", 8];
    return `\\${mark}${hex.padStart(width, "0")}`;
  };
  const escaped = [...text].map((letter) => escapes[letter] ?? letter).join("");
  return quote + escaped.replaceAll(UNPRINTABLE, code) + quote;
}

class Reader {
  constructor(tokens, kinds) {
    Object.assign(this, {tokens, kinds, place: 0, depth: 0});
  }

  get next() { return this.tokens[this.place]; }

  take() { return this.tokens[this.place++]; }

  took(...wanted) {
    const found = wanted.every((word, i) => {
      const token = this.tokens[this.place + i];
      return token && (token.word || (token.kind === "mark" ? token.text : "")) === word;
    });
    if (found) this.place += wanted.length;
    return found;
  }

  expected(rule, remedy) {
    const slip = this.next.kind === "mark" && SLIPS[this.next.text];
    refuse(this.next, rule, slip ? `Write ${slip}` : remedy);
  }

  read() {
    const filter = this.filter();
    if (this.next.kind !== "end") {
      this.expected("terms are joined by and, or", "Join them, or remove it");
    }
    return filter;
  }

  filter() {
    const terms = [this.conjunction()];
    while (this.took("or")) terms.push(this.conjunction());
    return decided(terms, true);
  }

  conjunction() {
    const terms = [this.term()];
    while (this.took("and")) terms.push(this.term());
    return decided(terms, false);
  }

  term() {
    if (this.took("true")) return () => true;
    if (this.took("false")) return () => false;
    if (this.next.word !== "not" && this.next.text !== "(") return this.comparison();
    if (++this.depth > MAX_DEPTH) {
      refuse(this.next, `a filter nests at most ${MAX_DEPTH} deep`, "Write it flatter");
    }
    let term;
    if (this.took("not")) {
      term = negated(this.term());
    } else {
      this.take();
      term = this.filter();
      if (!this.took(")")) this.expected("a parenthesis is closed", "Add )");
    }
    this.depth--;
    return term;
  }

  comparison() {
    let left = this.operand();
    if (left.column) {
      const name = left.column;
      if (this.took("is", "null")) return (row) => row(name) === null;
      if (this.took("is", "not", "null")) return (row) => row(name) !== null;
      if (this.took("in")) return this.listed(left);
      if (this.took("not", "in")) return negated(this.listed(left));
    }
    const links = [];
    while (this.next.kind === "mark" && this.next.text in SIGNS) {
      const sign = SIGNS[this.take().text];
      const right = this.operand();
      links.push(compared(left, sign, right));
      left = right;
    }
    if (!links.length) {
      const signs = Object.keys(SIGNS).join(", ");
      this.expected("a column is compared", `Write one of ${signs}, is null, in [...]`);
    }
    return decided(links, false);
  }

  listed(left) {
    if (!this.took("[")) this.expected("in is followed by a list", "Write it like k in [2, 3]");
    const values = new Set([this.literal(left)]);
    while (this.took(",")) values.add(this.literal(left));
    if (!this.took("]")) this.expected("a list is values between commas", "Add ]");
    return (row) => row(left.column) === null ? null : values.has(row(left.column));
  }

  literal(left) {
    const right = this.operand();
    if (right.column) {
      refuse(right.token, "a list holds numbers or quoted text", "Write its value");
    }
    agree(left, right);
    return right.value;
  }

  operand() {
    const token = this.next;
    if (token.kind === "number") {
      this.take();
      const value = Number(token.text);
      if (!Number.isFinite(value)) {
        refuse(token, "a number is below 1.8e308", "Write a smaller one");
      }
      return {token, kind: "number", value};
    }
    if (token.kind === "text") {
      this.take();
      if (token.text.search(UNPRINTABLE) >= 0) {
        refuse(token, "quoted text is printable", "Remove the other characters");
      }
      return {token, kind: "text", value: token.text.slice(1, -1)};
    }
    if (token.word === "null") {
      this.expected("null equals nothing", "Write is null or is not null");
    }
    if (token.kind !== "name" || token.word) {
      this.expected("here stands a column, a number or quoted text", "Add it");
    }
    this.take();
    if (!Object.hasOwn(this.kinds, token.text)) {
      throw new Refusal(`where: ${repr(token.text.slice(0, 60))}; ` +
        choices("a column", token.text, Object.keys(this.kinds), LISTING));
    }
    return {token, kind: this.kinds[token.text], column: token.text};
  }
}

// All terms joined by or (`end` is true) or and (false): `end` decides, else unknown stays unknown.
function decided(terms, end) {
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

function negated(term) {
  return (row) => {
    const value = term(row);
    return value === null ? null : !value;
  };
}

function agree(left, right) {
  if (left.kind === right.kind) return;
  const [column, other] = left.column ? [left, right] : [right, left];
  const holds = column.kind === "text" ? "text" : "numbers";
  const remedy = other.column ? "Compare columns of one kind"
    : holds === "text" ? "Put quotes around it" : "Remove the quotes";
  refuse(other.token, `${column.token.text} holds ${holds}`, remedy);
}

function compared(left, sign, right) {
  if (!left.column && !right.column) {
    refuse(left.token, "one side of a comparison is a column", "Name one");
  }
  agree(left, right);
  const side = (operand) => operand.column ? (row) => row(operand.column) : () => operand.value;
  const [a, b] = [side(left), side(right)];
  return (row) => {
    const [x, y] = [a(row), b(row)];
    return x === null || y === null ? null : sign(x, y);
  };
}
