// The records that cross files of the page: what Python sends (analysis/report/state.py,
// analysis/report/page.py, analysis/live/answers.py), and what the modules hand to each other.

/** A value of a table: a number, a text, a flag, or null where there is none. */
export type Value = string | number | boolean | null;

/** A trial as a row of the table `trials`, with its phase and flags. */
export interface Trial {
  [column: string]: Value;
  trial_id: string;
  seed: number;
  phase: string;
  setting: string;
  ended: string;
  epochs_run: number;
  memorized_epoch: number | null;
  generalized_epoch: number | null;
}

/** One label for every axis of the study: it names a cell. */
export type Labels = Record<string, string>;

/** An axis of the study: positions 0, 1, ... with a label each. */
export interface Axis {
  name: string;
  title: string;
  scale: "log" | "linear" | "ordinal";
  labels: string[];
  /** Low end, high end and middle of each position, in units of the axis. */
  spans: [number, number, number][];
  /** The bounds between the positions of numbers. */
  cuts: number[];
  /** How many trials there are at each position. */
  trials: number[];
  /** How Vega-Lite draws the axis; the values of its ticks are those of numbers. */
  channel: {axis: {values: number[]}};
}

/** Columns of the cells that hold trials: the position on each axis, counts, medians, flags. */
export interface CellColumns {
  [column: string]: Value[];
  trials: number[];
}

export interface BoundaryPoint {
  [column: string]: Value;
}

/** The boundary of one slice: where half of its trials generalize. */
export interface Boundary {
  x: string;
  y: string;
  slice: Labels;
  points: BoundaryPoint[];
}

/** A chart with its texts; `axis` is null where the chart is not along an axis. */
export interface Figure {
  title: string;
  caption: string;
  axis: string | null;
  chart: Chart;
}

/** What `study status` counts, in trials. */
export interface Status {
  planned: number;
  done: number;
  running: number;
  failed: number;
  rate: number | null;
  seconds_left: number | null;
}

/** The part of the state that depends on the patience; "" is as watched. */
export interface PatienceState {
  patience: string;
  patience_said: string;
  hatching_said: string;
  phases: PhaseRow[];
  cells: CellColumns;
  boundaries: Boundary[];
}

export interface PhaseRow {
  phase: string;
  meaning: string;
  trials: number;
  share: number;
  memorized_median_epoch: number | null;
  generalized_median_epoch: number | null;
}

export interface Fact {
  label: string;
  text: string;
  /** A longer explanation, shown as a tooltip. */
  title?: string;
}

/** All that the page shows before a click. */
export interface State extends PatienceState {
  name: string;
  store: string;
  /** How many there are; without any, and without a plan, the live page sends only `name` and this. */
  trials: number;
  opening: {trained: string, found: string, where: string, rule: string};
  facts: Fact[];
  status: Status | null;
  versions: Record<string, string>;
  command: string;
  axes: Axis[];
  x: string;
  y: string;
  /** The axes to begin with a diagram of each value of. */
  facets: string[];
  start: Labels;
  /** The color scale of each quantity, by the name of the coloring. */
  ramps: Record<string, Ramp>;
  /** Accuracies to compare curves with. */
  levels: {value: number, text: string, left: boolean}[];
  aggregated: boolean;
  laws_html?: string;
  laws?: Figure[];
  circuits?: Figure[];
  questions?: Figure[];
  /** Whether trials of the plan are still to come. */
  so_far: boolean;
  /** The cells with trials to come: the position on each axis, and counts; null where no plan is known. */
  pending?: {coming: number[], in_training: number[]} & Record<string, number[]> | null;
  /** The command that begins the study, where there is no store yet. */
  begin?: string;
  /** Why there is no newer state, where a live store cannot be read. */
  problem?: string | null;
}

/** The color scale of a quantity. */
export interface Ramp {
  title: string;
  /** Of the cells. */
  column: string;
  unit: string;
  scale: "share" | "log" | "symlog" | "linear";
  /** A number format of d3. */
  form: string;
  /** Whether a cell without the number has not come to it yet. */
  waits: boolean;
  domain: number[];
  /** Of the legend; none where the chart chooses them. */
  values: number[];
}

/** What the page is made with, whatever the study: templates of charts, words, columns. */
export interface Setup {
  diagrams: Record<string, Chart>;
  colorings: Record<string, string>;
  /** A name and a text for each, in the order of the menu. */
  patiences: [string, string][];
  captions: Record<string, string>;
  curves: Record<string, {columns: string[], chart: Chart}>;
  /** What each sign in cells means, briefly. */
  signs: Record<string, string>;
  /** Pixels of a cell with signs in its corners, at least. */
  least_with_signs: number;
  /** Smallest and largest width of a cell, in pixels. */
  steps: [number, number];
  /** The color of each phase. */
  colors: Record<string, string>;
  /** What each flag means. */
  flags: Record<string, string>;
  /** The color and the words of what a net may have done by an epoch, in their order. */
  stages: Record<string, [string, string]>;
  /** The delay strip (analysis/report/page.py). */
  strip: {chart: Chart, lines: [number, number], steps: number[], gap: number};
  /** The filter of each kind of trials that can be selected. */
  selects: Record<string, string>;
  kinds: Record<string, Kind>;
  /** The phases, and how a trial can have ended. */
  outcomes: string[];
  table: string[];
  axes: string[];
  /** Without rows (analysis.charts.weight_matrix.py). */
  learned_chart: Chart;
  limits?: string;
  /** What the networks have learned that a report has trained again, by the id of the trial. */
  learned?: Record<string, LearnedNet>;
  /** A report holds its state; a live page asks its server. */
  state?: State;
}

/** What a column holds. */
export type Kind = "text" | "number";

/** What is on show, as the address bar has it. */
export interface View {
  x: string;
  y: string;
  /** Axes that have a diagram for each of their values: none, one or two. */
  facets: string[];
  color: string;
  /** The axis whose values have the rows of the delay strip, "" for the first. */
  rows: string;
  /** The kind of trials that is selected, "" for all. */
  only: string;
  /** The cells that are selected, as JSON: the first and the last label on each axis. */
  box: string;
  patience: string;
  labels: Labels;
  trial: string;
  where: string;
  sort: string;
  descending: boolean;
}

/** A cell as it would be at a patience; `trials` has the phase of each trial that is shown. */
export interface CellPatience {
  patience: string;
  phase: string;
  hatched: boolean;
  trials: string[];
}

/** What a click on a cell asks for: how many trials it holds, and some of them. */
export interface CellAnswer {
  total: number;
  trials: Trial[];
  /** Columns; `trial` is the index of the row in `trials`. */
  readings: Record<string, (number | null)[]>;
  /** The cell at each patience, the least first and as watched last. */
  patience: CellPatience[];
}

export interface TrialAnswer {
  row: Trial;
  replay: string;
}

/** What a network has learned (analysis/circuits/learned.py): a matrix for each epoch. */
export interface LearnedNet {
  trial_id: string;
  width: number;
  active: number;
  exact: boolean;
  neurons: number[];
  columns: string[];
  epochs: number[];
  test_accuracy: number[];
  weights: number[][][];
}

export interface LearnedAnswer {
  /** Null until it is done, and where a report does not have it. */
  net: LearnedNet | null;
  done: number;
  last: number;
}

export interface TableQuery {
  where: string;
  sort: string;
  descending: boolean;
  offset: number;
  limit: number;
}

export interface TableAnswer {
  total: number;
  hints: string[];
  columns: string[];
  rows: Trial[];
}

/** Trials that pass a filter, counted. */
export interface Selected {
  total: number;
  /** How many there are without the filter. */
  of: number;
  /** In each cell. */
  cells: number[];
  /** Of each phase. */
  phases: Record<string, number>;
}

/** A trial of the delay strip (analysis/phases/strip_lines.py); `place` is in its row, 0 to 1. */
export interface StripLine {
  position: number;
  place: number;
  trial_id: string;
  phase: string;
  kind: "waited" | "at once" | "censored";
  start: number;
  end: number;
}

/** The lines of a delay strip, the most of a row, and how many trials may have one and may not. */
export interface StripAnswer {
  lines: StripLine[];
  most: number;
  trials: number;
  neither: number;
}

/** Answers the page's questions: a report's archive, or the server of a live page. */
export interface Source {
  live: boolean;
  /** The state at a patience, or null where it has not changed since it was last asked for. */
  state(patience: string): Promise<State | null>;
  stripes(): Promise<Stripes | null>;
  selected(where: string): Promise<Selected>;
  strip(axis: string, where: string): Promise<StripAnswer>;
  cell(labels: Labels, cell: number): Promise<CellAnswer>;
  trial(id: string): Promise<TrialAnswer>;
  learned(id: string): Promise<LearnedAnswer>;
  trials(query: TableQuery): Promise<TableAnswer>;
  download(format: string, where: string): Promise<void>;
}

/**
 * The stripes of all cells (analysis/phases/stages.py): a value for each, cell after cell; the epochs
 * of its stages, null where there is none.
 */
export type Stripes = {cell: number[], stands_for: number[]} & Record<string, (number | null)[]>;

/** The parts of a Vega-Lite specification that the page changes. */
export interface Chart {
  width: number;
  height: number;
  autosize: object;
  padding?: object;
  config: {legend?: object};
  datasets?: Record<string, object[]>;
  layer: Layer[];
  params: {name: string, value: Value}[];
}

export interface Layer {
  encoding: {x: object, y: object, color?: ColorChannel};
}

export interface ColorChannel {
  field?: string;
  scale: object;
  legend: {columns?: number};
}

/** The parts of a Vega view that the page uses. */
export interface VegaView {
  addEventListener(kind: string, handler: (event: Event, item?: {datum?: any}) => void): void;
  background(): string;
  background(color: string): void;
  data(name: string): object[];
  data(name: string, rows: object[]): VegaView;
  resize(): VegaView;
  runAsync(): Promise<VegaView>;
  origin(): [number, number];
  padding(): {left: number, top: number};
  scale(name: string): ((value: number) => number) & {invert(place: number): number};
  signal(name: string, value: string): VegaView;
  toImageURL(kind: string, scale: number): Promise<string>;
  toSVG(): Promise<string>;
}

/** A chart as vegaEmbed has drawn it. */
export interface Drawn {
  view: VegaView;
  spec: object;
}

declare global {
  /** Vega, Vega-Lite and Vega-Embed, as one classic script; charts.js waits for it. */
  function vegaEmbed(box: HTMLElement, chart: object, options: object): Promise<Drawn>;
  /** "ready" once all is drawn; `shown` is the address that is on show. For tests. */
  interface DOMStringMap {
    ready?: string;
    shown?: string;
  }
}
