// The diagram while nets train: a canvas over its cells, in which each net is a stripe with the
// color of what it has done by the epoch of the slider. At the slider's end the diagram itself shows.

import {byId, element, whole} from "./dom.js";
import {setup} from "./setup.js";

/** @import {Diagram} from "./diagram.js" */
/** @import {Source, State, Stripes} from "./types.js" */

const SECONDS = 12;  // of a whole training
const STEPS = 12;  // of a training, for readers who ask for less motion
const END = 1000;  // of the slider
const MILLISECONDS = 1000;

const stages = Object.entries(setup.stages);

/** @typedef {{x: number, y: number, width: number, height: number, of: number}} Box of a stripe */
/** @typedef {Omit<Box, "of">} Rectangle */

export class Motion {
  /**
   * @param {Source} source
   * @param {Diagram} diagram that the canvas lies over
   */
  constructor(source, diagram) {
    this.source = source;
    this.diagram = diagram;
    /** @type {State | null} that the stripes are of */
    this.state = null;
    /** @type {Stripes | null} */
    this.stripes = null;
    /** @type {Box[]} */
    this.boxes = [];
    /** @type {Rectangle[]} below the stripes */
    this.cells = [];
    /** @type {Rectangle | null} the cell on show */
    this.chosen = null;
    /** @type {Int8Array} the stage that each stripe is painted in, -1 for none */
    this.painted = new Int8Array();
    this.theme = "";  // the colors that the stripes are painted in
    this.last = 1;
    this.playing = 0;  // the number of a frame that was asked for; 0 where none was
    this.slider = /** @type {HTMLInputElement} */ (byId("moment"));
    this.slider.addEventListener("input", () => {
      this.stop();
      this.show();
    });
    byId("play").addEventListener("click", () => this.playing ? this.stop() : this.play());
  }

  /**
   * The diagram was drawn anew: the stripes are laid over it when they are shown.
   * @param {State} state
   */
  async renew(state) {
    byId("training").hidden = state.patience !== "";
    if (state.patience !== "") this.slider.value = String(END);
    if (this.state !== state) [this.state, this.stripes] = [state, null];
    [this.boxes, this.chosen] = [[], null];
    await this.show();
  }

  /** The epoch of the slider. */
  get epoch() {
    return Math.round(Math.expm1(Number(this.slider.value) / END * Math.log1p(this.last)));
  }

  /** Show the epoch of the slider, or the diagram itself at the slider's end. */
  async show() {
    const ended = Number(this.slider.value) === END;
    for (const id of ["motion", "stages"]) byId(id).hidden = ended;
    this.say(ended ? "end of training" : "");
    if (ended) return;
    await this.load();
    this.say(`epoch ${whole(this.epoch)}`);
    this.paint(this.epoch);
  }

  /** @param {string} words of the slider's place */
  say(words) {
    byId("moment-said").textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
  }

  /** Get the stripes, and lay them over the diagram's cells. */
  async load() {
    this.stripes ??= await this.source.stripes();
    if (!this.stripes || this.boxes.length || !this.diagram.vega) return;
    const {stripes, diagram: {vega, rows}} = this;
    const [x, y] = [vega.scale("x"), vega.scale("y")];
    const [left, top] = vega.origin(), padding = vega.padding();
    const firsts = new Map(), counts = new Map();
    for (const [index, cell] of stripes.cell.entries()) {
      if (!firsts.has(cell)) firsts.set(cell, index);
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    this.cells = [];
    this.boxes = rows.filter(({cell}) => counts.has(cell)).flatMap((row) => {
      const [x0, x1] = [x(Number(row.x0)), x(Number(row.x1))].sort((a, b) => a - b);
      const [y0, y1] = [y(Number(row.y0)), y(Number(row.y1))].sort((a, b) => a - b);
      const cell = {x: left + padding.left + x0 + 1, y: top + padding.top + y0 + 1,
        width: x1 - x0 - 2, height: y1 - y0 - 2};
      if (row.position === this.diagram.chosen) this.chosen = cell;
      this.cells.push({x: cell.x - 1, y: cell.y - 1, width: cell.width + 2, height: cell.height + 2});
      const count = counts.get(row.cell), width = cell.width / count;
      return Array.from({length: count}, (_, i) =>
        ({...cell, x: cell.x + i * width, width, of: firsts.get(row.cell) + i}));
    });
    this.last = 1;  // the last epoch at which anything happens in the slice
    for (const {of} of this.boxes) {
      for (const [name] of stages.slice(1)) this.last = Math.max(this.last, stripes[name][of] ?? 0);
    }
    this.place();
  }

  /** Put the canvas over the plot, in the pixels of the screen. */
  place() {
    const svg = byId("diagram").querySelector("svg");
    if (!svg || !this.boxes.length) return;
    const canvas = /** @type {HTMLCanvasElement} */ (byId("motion"));
    const [screen, plot] = [byId("screen"), svg].map((box) => box.getBoundingClientRect());
    const size = plot.width / Number(svg.getAttribute("width") ?? plot.width);
    const box = boundsOf(this.boxes);
    const dense = window.devicePixelRatio || 1;
    canvas.width = Math.ceil(box.width * size * dense);
    canvas.height = Math.ceil(box.height * size * dense);
    Object.assign(canvas.style, {left: `${plot.left - screen.left + box.x * size}px`,
      top: `${plot.top - screen.top + box.y * size}px`,
      width: `${box.width * size}px`, height: `${box.height * size}px`});
    this.context = canvas.getContext("2d");
    // On whole pixels a rectangle is filled many times as fast.
    const snapped = snapperOf(box, size * dense);
    this.cells = this.cells.map(snapped);
    this.chosen = this.chosen && snapped(this.chosen);
    this.boxes = this.boxes.map((stripe) => {
      const {width, ...at} = snapped(stripe);
      return {...at, width: width > 4 * dense ? width - 1 : width, of: stripe.of};
    });
    this.theme = "";
  }

  /**
   * Paint each stripe whose stage has changed, and count the trials of each stage.
   * @param {number} epoch
   */
  paint(epoch) {
    const {context, stripes, boxes} = this;
    if (!context || !stripes) return;
    const fills = this.prepare(context);
    const columns = stages.slice(1).map(([name]) => stripes[name]);
    const counts = stages.map(() => 0);
    for (const [index, {x, y, width, height, of}] of boxes.entries()) {
      let stage = 0, reached = -1;
      for (let i = 0; i < columns.length; i++) {
        const at = columns[i][of];
        if (at !== null && at <= epoch && at >= reached) [stage, reached] = [i + 1, at];
      }
      counts[stage] += stripes.stands_for[of];
      if (this.painted[index] === stage) continue;
      this.painted[index] = stage;
      context.fillStyle = fills[stage];
      context.fillRect(x, y, width, height);
    }
    if (this.chosen) {
      const {x, y, width, height} = this.chosen;
      context.lineWidth = 2 * (window.devicePixelRatio || 1);
      context.strokeStyle = getComputedStyle(byId("diagram")).color;
      context.strokeRect(x, y, width, height);
    }
    byId("stages").replaceChildren(...stages.map(([, [color, words]], i) => {
      const item = element("li", `${whole(Math.round(counts[i]))} ${words}`);
      item.style.setProperty("--stage", color);
      return item;
    }));
  }

  /**
   * The color of each stage. Where the colors of the page are others than those of the last picture,
   * or there was none, the picture begins with cells without stripes.
   * @param {CanvasRenderingContext2D} context
   */
  prepare(context) {
    const style = getComputedStyle(byId("diagram-card"));
    // Nets that learn are confused so far: a dark page has its own color for them.
    const confusion = style.getPropertyValue("--confusion"), ground = style.backgroundColor;
    if (this.theme !== `${confusion} ${ground}`) {
      this.theme = `${confusion} ${ground}`;
      this.painted = new Int8Array(this.boxes.length).fill(-1);
      context.clearRect(0, 0, context.canvas.width, context.canvas.height);
      context.fillStyle = ground;
      for (const {x, y, width, height} of this.cells) context.fillRect(x, y, width, height);
    }
    return stages.map(([, [color]]) => color === setup.colors.confusion ? confusion : color);
  }

  play() {
    if (Number(this.slider.value) === END) this.slider.value = "0";
    byId("play").textContent = "Pause";
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const from = performance.now() - Number(this.slider.value) / END * SECONDS * MILLISECONDS;
    /** @param {number} now */
    const frame = (now) => {
      const passed = Math.max(0, Math.min(1, (now - from) / (SECONDS * MILLISECONDS)));
      const shown = still ? Math.floor(passed * STEPS) / STEPS : passed;
      this.slider.value = String(Math.round(shown * END));
      this.show();
      if (passed < 1) this.playing = requestAnimationFrame(frame);
      else this.stop();
    };
    this.playing = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    byId("play").textContent = "Play";
  }
}

/**
 * Puts a rectangle of the drawing on whole pixels of a canvas.
 * @param {Rectangle} box that the canvas covers
 * @param {number} scale pixels of the canvas for one of the drawing
 * @returns {(rectangle: Rectangle) => Rectangle}
 */
const snapperOf = (box, scale) => ({x, y, width, height}) => {
  const [left, top] = [(x - box.x) * scale, (y - box.y) * scale].map(Math.round);
  return {x: left, y: top, width: Math.max(1, Math.round((x + width - box.x) * scale) - left),
    height: Math.max(1, Math.round((y + height - box.y) * scale) - top)};
};

/**
 * The smallest box around some boxes.
 * @param {Box[]} boxes
 */
function boundsOf(boxes) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const {x, y, width, height} of boxes) {
    [left, top] = [Math.min(left, x - 1), Math.min(top, y - 1)];
    [right, bottom] = [Math.max(right, x + width + 1), Math.max(bottom, y + height + 1)];
  }
  return {x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top)};
}
