"use strict";

const ROW_HEIGHT = 26; // px
const PRINT_WIDTH = 680; // px: A4 and Letter, less their margins
const MAX_DEPTH = 50; // rows drawn at once
const MAX_FRAMES = 1500; // drawn at once
const FONT_SIZE = 12; // px
const FONT = "system-ui, sans-serif";

const data = JSON.parse(document.getElementById("data").textContent);
const [metric, search, status, hits] = ["metric", "search", "status", "hits"].map((id) => document.getElementById(id));
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const count = new Intl.NumberFormat("en").format;
const mean = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format;
const difference = new Intl.NumberFormat("en", { signDisplay: "exceptZero" }).format;
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 }).format;

function element(name, parent, text = "", attributes = {}) {
  const made = parent.appendChild(document.createElement(name));
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const isHit = (func, file, words) => `${func}\n${file}`.toLowerCase().includes(words);

// --------------------------------------------------------------------------------------------------------------------
// Flame graphs.

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const pen = document.createElement("canvas").getContext("2d");
pen.font = `${FONT_SIZE}px ${FONT}`;

/** Plotly reads tags and entities in any text. */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A colour of its own for each file, out of a few. */
function colourOf(file, dark) {
  let hash = 0;
  for (const character of file) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  const hue = 15 + 40 * (hash % 9);
  return dark ? `hsl(${hue}, 32%, 30%)` : `hsl(${hue}, 62%, 84%)`;
}

class FlameGraph {
  constructor(name, tree) {
    this.tree = tree;
    this.level = 0;
    this.children = tree.parent.map(() => []);
    tree.parent.forEach((parent, node) => parent >= 0 && this.children[parent].push(node));
    const section = element("section", document.getElementById("graphs"));
    if (name) element("h3", section, name);
    const frames = count(tree.frame.filter((frame) => frame >= 0).length);
    const merged = tree.merged.reduce((sum, number) => sum + number);
    const share = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 }).format(data.threshold);
    const small = ` Merged, as under ${share} of the total by every measure: ${count(merged)}, with all below them.`;
    element("p", section, `Frames: ${frames}.${merged ? small : ""}`, { class: "quiet" });
    this.detail = element("p", section, "", { class: "detail", "aria-live": "polite" });
    const label = `Flame graph ${name}: arrow keys go to callers, callees and neighbours`;
    this.box = element("div", section, "", { class: "graph", tabindex: 0, role: "group", "aria-label": label });
    this.box.addEventListener("keydown", (event) => this.onKey(event));
  }

  value(node) {
    return this.tree.values[metric.value][node];
  }

  name(node) {
    const { frame, frames, merged } = this.tree;
    if (frame[node] >= 0) return frames[frame[node]][0];
    return merged[node] ? `${count(merged[node])} smaller` : "all";
  }

  /** Lines of text about a node. */
  about(node) {
    const { frame, frames, values } = this.tree;
    const [, file, line] = frames[frame[node]] ?? ["", "", 0];
    const share = `${percent(this.value(node) / this.value(0) || 0)} of ${data.metrics[metric.value].toLowerCase()}`;
    const size = `${count(values.total_bytes[node])} bytes in ${count(values.total_blocks[node])} blocks`;
    const other = metric.value.startsWith("total") ? "" : ` (${count(this.value(node))})`;
    return [this.name(node), line ? `${file}:${line}` : file, size, share + other].filter(Boolean);
  }

  /** What is drawn: the rows of nodes from the level down, by node, and whether they are all that there are. */
  visible() {
    const rows = new Map();
    let row = [this.level];
    for (let depth = 0; row.length && depth < MAX_DEPTH; depth++) {
      for (const node of row) rows.set(node, depth);
      row = row.flatMap((node) => this.children[node]).filter((node) => this.value(node));
    }
    // a parent is no smaller than its children and stands before them, so those that are kept have theirs
    const largest = [...rows].sort(([a], [b]) => this.value(b) - this.value(a)).slice(0, MAX_FRAMES);
    return [new Map(largest), !row.length && largest.length === rows.size];
  }

  draw() {
    const { tree } = this;
    if (!this.value(this.level)) this.level = 0;
    const [rows, isAll] = this.visible();
    const more = isAll ? [] : ["zoom in to see all that is below"];
    this.detail.textContent = [...this.about(this.level), ...more].join(" · ");
    if (!this.value(0)) {
      if (this.box.data) Plotly.purge(this.box);
      this.box.textContent = `${data.metrics[metric.value]}: none in this profile.`;
      return;
    }
    if (!this.box.data) this.box.textContent = "";
    const nodes = [...rows.keys()];
    // Plotly sums each node's own share itself; rounded sums of large numbers, which would not agree, stop it
    const own = new Map(nodes.map((node) => [node, this.value(node)]));
    for (const node of nodes.slice(1)) own.set(tree.parent[node], own.get(tree.parent[node]) - this.value(node));
    const words = search.value.toLowerCase();
    const found = tree.frames.map(([func, file]) => words && isHit(func, file, words));
    const dark = darkScheme.matches && !printing;
    const width = printing ? PRINT_WIDTH : this.box.clientWidth;
    const label = (node) => {
      const name = cut(this.name(node), 200);
      const room = (width * this.value(node)) / this.value(this.level) - 8;
      let text = cut(name, Math.max(0, Math.ceil((name.length * room) / pen.measureText(name).width)));
      while (text.length > 2 && pen.measureText(text).width > room) text = cut(name, text.length - 1);
      return text.length > 2 || text === name ? escaped(text) : "";
    };
    const ink = dark ? "#f2f4f7" : "#16191d";
    const plain = dark ? "#363b44" : "#e4e7ec";
    const colour = (node) => {
      const index = tree.frame[node];
      if (words) return found[index] ? "#ffb61f" : plain;
      return index < 0 ? plain : colourOf(tree.frames[index][1], dark);
    };
    const trace = {
      type: "icicle",
      ids: nodes.map(String),
      labels: nodes.map(String),
      parents: nodes.map((node) => (node === this.level ? "" : String(tree.parent[node]))),
      values: nodes.map((node) => Math.max(0, own.get(node))),
      branchvalues: "remainder",
      text: nodes.map(label),
      textinfo: "text",
      textposition: "middle left",
      textfont: { size: FONT_SIZE, color: nodes.map((node) => (words && found[tree.frame[node]] ? "#16191d" : ink)) },
      hovertext: nodes.map((node) => this.about(node).map((line) => escaped(cut(line, 120))).join("<br>")),
      hoverinfo: "text",
      marker: { colors: nodes.map(colour), line: { width: 1, color: dark ? "#15181d" : "#ffffff" } },
      pathbar: { visible: false },
      tiling: { orientation: "v" },
      leaf: { opacity: 1 },
    };
    const layout = {
      width,
      height: Math.max(3, ...[...rows.values()].map((row) => row + 1)) * ROW_HEIGHT,
      margin: { t: 0, r: 0, b: 0, l: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      font: { family: FONT },
      uniformtext: { minsize: FONT_SIZE, mode: "hide" },
      hoverlabel: {
        align: "left",
        bgcolor: dark ? "#e7e9ed" : "#1c1f24",
        font: { family: FONT, color: dark ? "#16191d" : "#ffffff" },
      },
    };
    const isNew = !this.box.data;
    Plotly.react(this.box, [trace], layout, { displayModeBar: false });
    if (isNew) {
      this.box.on("plotly_icicleclick", (event) => {
        const node = Number(event.points[0].id);
        this.zoom(node === this.level ? tree.parent[node] : node);
        return false; // nor zoom as Plotly would, which keeps the height
      });
    }
  }

  zoom(node) {
    if (node === undefined || node < 0) return;
    this.level = node;
    this.draw();
  }

  onKey(event) {
    const larger = (a, b) => this.value(b) - this.value(a);
    const bySize = (node) => this.children[node].filter((child) => this.value(child)).sort(larger);
    const parent = this.tree.parent[this.level];
    const row = parent < 0 ? [0] : bySize(parent);
    const place = row.indexOf(this.level);
    const targets = {
      ArrowDown: bySize(this.level)[0],
      ArrowUp: parent,
      ArrowLeft: row[place - 1],
      ArrowRight: row[place + 1],
      Home: 0,
    };
    if (!(event.key in targets) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.zoom(targets[event.key]);
  }
}

// --------------------------------------------------------------------------------------------------------------------
// The table.

const [head, body] = ["thead tr", "tbody"].map((selector) => document.querySelector(`#sites ${selector}`));
const kinds = data.columns.map(([, kind]) => kind);
const statusColumn = kinds.indexOf("status");
const formats = { count, difference, mean, line: String, status: String, text: String };

const rows = data.rows.map((cells) => {
  const row = element("tr", body);
  cells.forEach((value, column) => {
    const cell = element("td", row, value === null ? "–" : formats[kinds[column]](value), { class: kinds[column] });
    if (kinds[column] === "difference" && value) cell.classList.add(value > 0 ? "more" : "less");
  });
  return { cells, row };
});

data.columns.forEach(([heading, kind], column) => {
  const cell = element("th", head, "", { scope: "col", class: kind });
  element("button", cell, heading, { type: "button" }).addEventListener("click", () => sort(column));
});

/** What is missing stands last in both directions; figures begin with the largest. */
function sort(column) {
  const cell = head.children[column];
  const isText = ["text", "status"].includes(kinds[column]);
  const first = isText || kinds[column] === "line" ? "ascending" : "descending";
  const next = { ascending: "descending", descending: "ascending" }[cell.getAttribute("aria-sort")] ?? first;
  for (const other of head.children) other.removeAttribute("aria-sort");
  cell.setAttribute("aria-sort", next);
  const turn = next === "ascending" ? 1 : -1;
  const compare = isText ? new Intl.Collator("en").compare : (a, b) => a - b;
  rows.sort(({ cells: { [column]: a } }, { cells: { [column]: b } }) =>
    a === null || b === null ? (a === null) - (b === null) : turn * compare(a, b),
  );
  body.append(...rows.map(({ row }) => row));
}

function filter() {
  const words = search.value.toLowerCase();
  let shown = 0;
  for (const { cells, row } of rows) {
    row.hidden = !(isHit(cells[0], cells[1], words) && (!status.value || cells[statusColumn] === status.value));
    shown += !row.hidden;
  }
  hits.textContent = `Sites: ${count(shown)} of ${count(rows.length)}`;
}

// --------------------------------------------------------------------------------------------------------------------

for (const [name, heading] of Object.entries(data.metrics)) element("option", metric, heading, { value: name });
if (statusColumn >= 0) {
  document.getElementById("statuses").hidden = false;
  element("option", status, "all", { value: "" });
  for (const name of ["appeared", "vanished", "grew", "shrank", "unchanged"]) {
    const number = data.rows.filter((cells) => cells[statusColumn] === name).length;
    element("option", status, `${name} (${count(number)})`, { value: name });
  }
}
const graphs = Object.entries(data.graphs).map(([name, tree]) => new FlameGraph(name, tree));
const draw = () => globalThis.Plotly && graphs.forEach((graph) => graph.draw());

let pending;
function drawSoon() {
  clearTimeout(pending);
  pending = setTimeout(draw, 150);
}

search.addEventListener("input", () => {
  filter();
  drawSoon();
});
search.form.addEventListener("submit", (event) => event.preventDefault());
status.addEventListener("change", filter);
metric.addEventListener("change", draw);
darkScheme.addEventListener("change", draw);
addEventListener("resize", drawSoon); // names are cut to the width of their frames
for (const event of ["beforeprint", "afterprint"]) {
  addEventListener(event, () => {
    printing = event === "beforeprint";
    draw();
  });
}
filter();
if (globalThis.Plotly) draw();
else site.ready.then(draw); // the library is in a file of its own
