const COLUMNS = [
  ["operation", "Operation", null],
  ["metric", "Metric", null],
  ["before", "Before", (row) => row.before],
  ["after", "After", (row) => row.after],
  ["ratio", "Ratio", (row) => row.ratio],
  ["interval", "95 % interval", (row) => row.low ?? null],
  ["p", "p", (row) => row.p ?? null],
  ["verdict", "Verdict", (row) => data.verdicts.indexOf(row.verdict)],
];

/** The ratio and its interval from 1/32 to 32, on a logarithmic scale. */
function intervalPicture({ ratio, low, high, verdict }) {
  const place = (value) => 50 + 10 * Math.max(-5, Math.min(5, Math.log2(value)));
  const made = element(
    "div",
    { class: `interval ${PILLS[verdict] ?? ""}`, "aria-hidden": "true" },
    element("span", { class: "one" }),
  );
  if (low)
    made.append(
      element("span", { class: "range", style: { left: `${place(low)}%`, width: `${place(high) - place(low)}%` } }),
    );
  if (ratio > 0) made.append(element("span", { class: "dot", style: { left: `${place(ratio)}%` } }));
  return made;
}

function tableRow(row) {
  const { series, family, texts, ratio, low, high, p, verdict, reason } = row;
  const interval = low ? `${ratioText(low)} to ${ratioText(high)}` : family.exact && ratio !== null ? "exact" : DASH;
  const cell = (label, text, ...more) => element("td", { "data-label": label, class: "nowrap" }, text, ...more);
  return element(
    "tr",
    { title: `${series.name}\n${reason}` },
    element("th", { scope: "row" }, series.operation),
    element("td", { class: "text" }, family.label),
    cell("before", texts[0]),
    cell("after", texts[1]),
    cell("ratio", ratio === null ? DASH : ratioText(ratio)),
    element("td", {}, intervalPicture(row), element("small", {}, interval)),
    cell("p", p === undefined ? DASH : written(p, 2)),
    element(
      "td",
      { class: "text" },
      pill(verdict),
      reason !== interval && element("small", { class: "reason" }, reason),
    ),
  );
}

function drawTable() {
  const [column, direction] = (state.sort ?? "").split(".");
  const rows = pair.rows.filter(rowMatches);
  const key = COLUMNS.find(([name]) => name === column);
  if (key) {
    const [name, , value] = key;
    const turn = direction === "down" ? -1 : 1;
    const text = new Intl.Collator("en", { numeric: true }).compare;
    // what is missing stands last in both directions
    rows.sort((a, b) =>
      value
        ? (value(a) === null) - (value(b) === null) || turn * (value(a) - value(b)) || 0
        : turn *
          (name === "metric" ? text(a.family.label, b.family.label) : text(a.series.operation, b.series.operation)),
    );
  }
  hits(rows.length, pair.rows.length, "series");
  if (!rows.length) return [empty("No series matches the filters.")];
  const head = element(
    "tr",
    {},
    COLUMNS.map(([name, label]) => {
      const sorted = name === column ? (direction === "down" ? "descending" : "ascending") : undefined;
      const cell = element("th", {
        scope: "col",
        class: ["operation", "metric", "verdict"].includes(name) ? "text" : "",
        "aria-sort": sorted,
        "data-label": label,
      });
      const button = element("button", { type: "button", id: `sort-${name}` }, label);
      button.addEventListener("click", () => {
        go({ sort: `${name}.${sorted === "ascending" ? "down" : "up"}` }, true);
        byId(`sort-${name}`)?.focus();
      });
      cell.append(button);
      return cell;
    }),
  );
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, rows.map(tableRow)));
  const about =
    "The line shows the ratio and its interval between 1/32 and 32; the dashed line is 1. Peaks of processes are " +
    "net of a process that only makes the inputs. Press a heading to sort, again to reverse.";
  const made = box("All series", table, "stack");
  made.id = "rows";
  return [element("p", { class: "quiet" }, about), made];
}
