// State: what the address names.

let data; // of the site
let setting; // the chosen one, with its series
let pair; // the chosen one, with its rows
let state = {};

function readAddress() {
  const address = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return { ...address, view: Object.hasOwn(VIEWS, address.view) ? address.view : "summary" };
}

/** The address of this page with some of its state changed. */
function address(changes = {}) {
  const names = { ...state, ...changes };
  const keys = ["before", "after", "on", "view", "q", "component", "metric", "verdict", "sort"];
  const words = keys.filter((key) => names[key] && !(key === "view" && names[key] === "summary"));
  return `#${new URLSearchParams(words.map((key) => [key, names[key]]))}`;
}

function go(changes, replace = false) {
  if (replace) {
    history.replaceState(null, "", address(changes));
    update();
  } else location.hash = address(changes);
}

const nameOf = (place) => data.commits[place].names[0] ?? data.commits[place].hash.slice(0, SHORT);

function commitAt(name, fallback) {
  if (!name) return fallback;
  const named = data.commits.findIndex(({ names }) => names.includes(name));
  if (named >= 0) return named;
  const found = data.commits.findIndex(({ hash }) => name.length >= 4 && hash.startsWith(name));
  return found >= 0 ? found : undefined;
}

function titleOf(place) {
  const { hash, subject, names } = data.commits[place];
  return `${names.length ? `${names.join(", ")} · ` : ""}${hash.slice(0, 7)} ${subject || "(not in this clone)"}`;
}

function branchOf(place) {
  const commit = data.commits[place];
  return commit.place !== null ? "" : commit.date ? "another branch" : "not in this clone";
}

const loadJson = (name) => site.load(name, `data/${name}.js`).then(JSON.parse);

/** Read the address, load what it names, and draw. */
async function update() {
  state = readAddress();
  const chosen = Number(state.on) || 0;
  if (!data.settings[chosen]) return problem(`No machine or environment has the number ${chosen + 1}.`);
  const place = chosen;
  if (setting?.number !== place) {
    const loaded = await loadJson(String(place));
    if ((Number(readAddress().on) || 0) !== place) return;
    setting = { ...data.settings[place], ...loaded, number: place };
    setting.at = new Map(setting.measured.map((commit, column) => [commit, column]));
    pair = undefined;
  }
  const [first, last] = setting.default;
  const before = commitAt(state.before, first);
  const after = commitAt(state.after, last);
  fillPickers(before, after);
  drawViews();
  const unknown =
    before === undefined && state.before ? state.before : after === undefined && state.after ? state.after : "";
  if (unknown) return problem(`No commit here is called “${unknown}”. Choose one above.`);
  if (first === undefined) return problem("Only one commit has results here: a report needs two.");
  if (pair?.before !== before || pair?.after !== after || pair?.setting !== setting) {
    const key = `${place}/${[before, after].map((one) => data.commits[one].hash.slice(0, SHORT)).join("-")}`;
    const known = setting.pairs.some(([a, b]) => a === before && b === after);
    const loaded = known ? await loadJson(key) : null;
    const now = readAddress();
    if (commitAt(now.before, first) !== before || commitAt(now.after, last) !== after) return;
    pair = { setting, before, after, known, ...loaded };
    pair.rows = (loaded?.rows ?? []).map(rowOf);
  }
  draw();
}

function rowOf([index, verdict, reason, low, high, p]) {
  const series = setting.series[index];
  const family = data.families[series.family];
  const [before, after] = [pair.before, pair.after].map((commit) => series.values[setting.at.get(commit)] ?? null);
  const name = data.verdicts[verdict];
  const ratio = before > 0 && after !== null && after >= 0 && name !== "not comparable" ? after / before : null;
  const texts = figures([before, after], family.unit).map((text, side) =>
    series.failed.includes(setting.at.get(side ? pair.after : pair.before)) ? "failed" : text,
  );
  const why = pair.reasons[reason];
  return { index, series, family, before, after, texts, ratio, low, high, p, verdict: name, reason: why };
}

function problem(text) {
  byId("filters").hidden = true;
  byId("warnings").replaceChildren();
  content.replaceChildren(element("p", { class: "notice", role: "alert" }, text));
}
