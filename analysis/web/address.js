// What is shown is what the address bar says: #weight_decay=0.01&train_size=400&trial=ID. Going back
// and forward in the browser, a bookmark and a click all take this one way.

const KEYS = ["x", "y", "color", "trial", "where", "sort", "descending"];

// The view that the address asks for, in a study that may have moved on since.
function viewOf(state) {
  const asked = new URLSearchParams(location.hash.slice(1));
  const names = state.axes.map((axis) => axis.name);
  const axis = (name, other) => names.includes(name) ? name : other;
  const x = axis(asked.get("x"), state.x);
  const y = axis(asked.get("y"), state.y);
  const place = {};
  for (const {name, labels} of state.axes) {
    const label = asked.get(name);
    place[name] = labels.includes(label) ? label : state.start[name];
  }
  return {
    x,
    y: y === x ? names.find((name) => name !== x) : y,
    color: Object.hasOwn(setup.colorings, asked.get("color")) ? asked.get("color") : "phase",
    place,
    trial: asked.get("trial") ?? "",
    where: asked.get("where") ?? "",
    sort: asked.get("sort") ?? "",
    descending: asked.get("descending") === "true",
  };
}

// Whether an address means this trial: it may have the beginning of an id, as tables show it.
const isTrial = (asked, id) => asked !== "" && id.startsWith(asked);

// Go where these parts of the view change; the rest stays.
function go(view, change) {
  const next = {...view, ...change};
  const query = new URLSearchParams(next.place);
  for (const key of KEYS) if (next[key]) query.set(key, next[key]);
  location.hash = query;
}
