// The page: its state comes from a source, what of it is shown from the address bar; everything on
// it is drawn anew from these two whenever one of them changes.

const setup = JSON.parse(byId("setup").textContent);
const source = setup.state ? new Archive(setup, byId("archive").textContent) : new Server();
const SECOND = 1000, EVERY = 2, LONGEST = 60;  // seconds between two questions to a server

let state = null;
const change = (what) => go(viewOf(state), what);
const diagram = new Diagram((place) =>
  change({place: {...viewOf(state).place, ...place}, trial: ""}));
const panel = new Panel(source, (trial) => change({trial}));
const trials = new Trials(source, ({row, ...what}) => {
  change(row ? {...what, place: placeOfTrial(row)} : what);
});

window.addEventListener("hashchange", show);
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    if (panel.width !== panel.room()) panel.shown = "";
    show();
  }, 150);
});
start();

async function start() {
  if (source.live) return follow();
  await arrive(await source.state());
}

// Ask the server again and again: soon after an answer, later after each failure, not at all while
// nobody looks.
async function follow() {
  let failures = 0, timer = 0;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const news = await source.state();
      failures = 0;
      if (news) await arrive(news);
      trouble(state.problem ?? "");
    } catch (error) {
      failures += 1;
      trouble(`Not reachable, trying again: what is shown may be old (${error.message}).`);
    }
    clearTimeout(timer);
    timer = setTimeout(ask, SECOND * Math.min(LONGEST, EVERY * 2 ** failures));
  };
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", ask);
  await ask();
}

function trouble(said) {
  byId("trouble").hidden = !said;
  if (byId("trouble").textContent !== said) byId("trouble").textContent = said;
}

async function arrive(news) {
  state = news;
  byId("name").textContent = state.name;
  document.title = `${state.name}: when networks grok`;
  progress(state.status);
  if (!state.trials) {
    facts([{label: "trials", text: "none yet; this page shows them as they come"}]);
    return;
  }
  byId("main").hidden = false;
  facts(state.facts);
  phases();
  byId("command").textContent = state.command;
  byId("versions").textContent =
    Object.entries(state.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  await show();
  await sections();
  performance.mark("ready");
  document.body.dataset.ready = "true";
}

// Shows one after the other, never two at once.
let showing = Promise.resolve();
function show() {
  showing = showing.then(async () => {
    if (!state?.trials) return;
    const view = viewOf(state);
    controls(view);
    await diagram.show(state, view);
    await panel.show(state, view);
    await trials.show(state, view);
    document.body.dataset.shown = location.hash;
    performance.mark("shown");
  });
  return showing;
}

function facts(listed) {
  byId("facts").replaceChildren(...listed.map(({label, text}) => {
    const pair = element("div");
    pair.append(element("dt", label), element("dd", text));
    return pair;
  }));
}

function progress(status) {
  byId("progress").hidden = !status;
  if (!status) return;
  Object.assign(byId("bar"), {max: Math.max(1, status.planned), value: status.done});
  const rate = status.rate && status.running ? [`${status.rate.toPrecision(3)} a second`] : [];
  const left = status.seconds_left === null ? [] : [`${duration(status.seconds_left)} left`];
  byId("counts").textContent = [`${whole(status.done)} of ${whole(status.planned)} trials done`,
    `${whole(status.running)} running`, `${whole(status.failed)} failed`, ...rate, ...left].join(", ");
}

// As in study/terminal/durations.py.
function duration(seconds) {
  for (const [size, unit, digits] of [[86400, "days", 1], [3600, "h", 1], [60, "min", 0]]) {
    if (seconds >= 2 * size) return `${(seconds / size).toFixed(digits)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

function phases() {
  const median = (epoch, event) => epoch === null ? "" : `${event} ${whole(epoch)}`;
  byId("phases").replaceChildren(...state.phases.map((row) => {
    const card = element("li");
    card.style.setProperty("--phase", setup.colors[row.phase]);
    const count = element("b", `${whole(row.trials)} `);
    count.append(element("small", percent(row.share)));
    const times = [median(row.memorized_median_epoch, "memorised"),
      median(row.generalized_median_epoch, "generalised")].filter(Boolean).join(", ");
    card.append(count, element("span", row.phase), element("small", row.meaning, {class: "soft"}));
    if (times) card.append(element("small", `median epochs: ${times}`, {class: "soft"}));
    return card;
  }));
}

// Menus of the axes, and of the place on those that are not drawn.
function controls(view) {
  const axes = state.axes.map((axis) => [axis.name, axis.title]);
  fill(byId("x"), axes, view.x);
  fill(byId("y"), axes, view.y);
  fill(byId("color"), Object.entries(setup.colorings), view.color);
  byId("x").onchange = ({target}) =>
    change({x: target.value, y: target.value === view.y ? view.x : view.y});
  byId("y").onchange = ({target}) =>
    change({y: target.value, x: target.value === view.x ? view.y : view.x});
  byId("color").onchange = ({target}) => change({color: target.value});
  const others = state.axes.filter((axis) => ![view.x, view.y].includes(axis.name));
  const ids = others.map((axis) => `slice-${axis.name}`);
  if ([...byId("slices").querySelectorAll("select")].map((menu) => menu.id).join() !== ids.join()) {
    byId("slices").replaceChildren(...others.map((axis) => {
      const label = element("label", `${axis.title} `);
      label.append(element("select", "", {id: `slice-${axis.name}`}));
      return label;
    }));
  }
  for (const {name, labels, trials: counts} of others) {
    const menu = byId(`slice-${name}`);
    fill(menu, labels.map((label, i) => [label, `${label} (${whole(counts[i])} trials)`]),
      view.place[name]);
    menu.onchange = ({target}) =>
      change({place: nearest(state, viewOf(state), name, target.value), trial: ""});
  }
}

// The cell of a trial: where its values lie on every axis.
function placeOfTrial(row) {
  return Object.fromEntries(state.axes.map((axis) => {
    if (axis.name === "setting") return [axis.name, row.setting || "unnamed"];
    if (row[axis.name] === null) return [axis.name, axis.labels.at(-1)];
    const cuts = axis.cuts;
    const at = cuts.filter((cut) => cut <= row[axis.name]).length;
    return [axis.name, axis.labels[at]];
  }));
}

// Laws and circuits change seldom: they are drawn anew only where they did, or along another axis.
const drawnSections = {};
async function sections() {
  if (state.laws_html !== undefined) byId("laws-said").innerHTML = state.laws_html;
  byId("circuits").hidden = !state.circuits?.length;
  byId("circuits-said").textContent = setup.captions.circuits;
  await figures("laws", state.laws ?? []);
  await figures("circuits", state.circuits ?? []);
}

async function figures(id, all) {
  const axes = [...new Set(all.map(({axis}) => axis).filter(Boolean))];
  const menu = byId(`${id}-axis`);
  const axis = axes.includes(menu.value) ? menu.value : axes[0];
  const titles = Object.fromEntries(state.axes.map(({name, title}) => [name, title]));
  fill(menu, axes.map((name) => [name, titles[name] ?? words(name)]), axis);
  menu.parentElement.hidden = axes.length < 2;
  menu.onchange = () => figures(id, all);
  const drawings = all.filter((one) => !one.axis || one.axis === axis);
  const wanted = JSON.stringify([drawings, byId(`${id}-figures`).clientWidth]);
  if (drawnSections[id] === wanted) return;
  drawnSections[id] = wanted;
  byId(`${id}-figures`).replaceChildren(...drawings.map(({title, caption}, i) => {
    const figure = element("figure");
    const head = element("div", "", {class: "head"});
    head.append(element("h3", title),
      element("div", "", {class: "export", "data-chart": `${id}-${i}`}));
    figure.append(head, element("p", caption, {class: "soft"}),
      element("div", "", {class: "chart", id: `${id}-${i}`}));
    return figure;
  }));
  for (const [i, {title, chart}] of drawings.entries()) {
    const fitted = structuredClone(chart);
    fitted.width = Math.min(460, byId(`${id}-${i}`).clientWidth);
    fitted.autosize = {type: "fit-x", contains: "padding"};
    await draw(`${id}-${i}`, fitted, title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"));
  }
}
