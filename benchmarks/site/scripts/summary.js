const PILLS = {
  improved: "good",
  regressed: "bad",
  failed: "bad",
  "not enough data": "warn",
  "not comparable": "warn",
};
const pill = (verdict, text = verdict, more = {}) =>
  element("span", { class: `pill ${PILLS[verdict] ?? ""}`, ...more }, text);
const better = (row) => (row.ratio === null ? 0 : Math.log(row.ratio || 1e-9) * row.family.better);

function targetCard({ label, family, least, most, reached, best, worst, answer, n_series }) {
  const card = element("section", { class: "card" }, element("h3", {}, `${label[0].toUpperCase()}${label.slice(1)}`));
  if (reached === null) {
    card.append(element("p", { class: "figure" }, DASH), pill("", answer));
  } else {
    const met = reached >= least;
    card.append(
      element(
        "p",
        { class: `figure ${reached < 0 ? "bad" : met ? "good" : ""}` },
        shareText(reached),
      ),
      pill(met ? "improved" : "regressed", `target ${answer}`),
    );
    const place = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;
    card.append(
      element(
        "div",
        { class: "scale", "aria-hidden": "true" },
        element("span", { class: "fill", style: { width: place(reached) } }),
        element("span", { class: "band", style: { left: place(least), width: place(most - least) } }),
        element(
          "span",
          { class: "mark", style: { left: place((least + most) / 2) } },
          `${100 * least}–${100 * most} %`,
        ),
      ),
    );
  }
  card.append(
    element(
      "p",
      { class: "quiet" },
      `The guide asks for ${100 * least} to ${100 * most} % down. `,
      reached === null
        ? ""
        : `Geometric mean of the ${data.families[family].label} of ${count(n_series)} series, ` +
            `from ${changeText(1 - best)} to ${changeText(1 - worst)}.`,
    ),
  );
  return card;
}

function timeCard() {
  const found = pair.means.find(([component, family]) => !component && family === "time");
  const card = element("section", { class: "card" }, element("h3", {}, "Time"));
  if (!found) {
    card.append(
      element("p", { class: "figure" }, DASH),
      element("p", { class: "quiet" }, "No timing was measured well enough on both commits."),
    );
    return card;
  }
  const [, , mean, number] = found;
  card.append(
    element(
      "p",
      { class: `figure ${mean < 1 ? "good" : mean > 1 ? "bad" : ""}` },
      mean <= 1 ? `${short(1 / mean)}× as fast` : `${short(mean)}× as long`,
    ),
    element("p", { class: "quiet" }, `Geometric mean of ${count(number)} timings.`),
    element("p", { class: "quiet" }, pair.chance),
  );
  return card;
}

function countsCard() {
  const number = Object.values(pair.counts).reduce((sum, one) => sum + one, 0);
  const links = Object.entries(pair.counts).map(([verdict, one]) =>
    element(
      "li",
      {},
      element(
        "a",
        { class: `pill ${PILLS[verdict] ?? ""}`, href: address({ view: "table", verdict }) },
        `${count(one)} ${verdict}`,
      ),
    ),
  );
  return element(
    "section",
    { class: "card" },
    element("h3", {}, "Verdicts"),
    element("p", { class: "figure" }, `${count(number)} series`),
    element("ul", { class: "pills" }, links),
  );
}

/** Tinted by how much better or worse. */
function meanCell(component, family) {
  const found = pair.means.find(([one, key]) => one === component && key === family);
  if (!found) return element("td", {}, DASH);
  const [, , mean, number] = found;
  const strength = Math.min(0.45, Math.abs(Math.log2(mean)) * 0.09);
  const tint = mean === 1 ? {} : { "background-color": `rgb(var(--${mean < 1 ? "good" : "bad"}-tint) / ${strength})` };
  return element(
    "td",
    { style: tint, title: `geometric mean of ${number} series` },
    ratioText(mean),
    element("small", {}, changeText(mean)),
  );
}

function meansTable() {
  const families = data.headline.filter((key) => pair.means.some(([, family]) => family === key));
  if (!families.length) return empty("No series was measured on both commits.");
  const components = [...new Set(pair.means.map(([component]) => component))].sort();
  const head = element(
    "tr",
    {},
    element("th", { scope: "col", class: "text" }, "after / before"),
    families.map((key) => element("th", { scope: "col" }, data.families[key].label)),
  );
  const rows = components
    .filter((one) => families.some((key) => pair.means.some(([c, f]) => c === one && f === key)))
    .map((component) =>
      element(
        "tr",
        {},
        element(
          "th",
          { scope: "row" },
          component ? element("a", { href: address({ view: "table", component }) }, component) : "all",
        ),
        families.map((key) => meanCell(component, key)),
      ),
    );
  return box(
    "Means by component",
    element("table", { class: "means" }, element("thead", {}, head), element("tbody", {}, rows)),
    "narrow",
  );
}

function shortList(title, rows, none) {
  const items = rows.map(({ series, family, texts, ratio, low, high, verdict }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${series.operation} `, element("small", {}, family.label)),
      element("td", { class: "nowrap" }, texts.join(" → ")),
      element(
        "td",
        { class: PILLS[verdict] ?? "" },
        ratio === null ? verdict : changeText(ratio),
        element("br"),
        element("small", {}, low ? `${ratioText(low)} to ${ratioText(high)}` : family.exact ? "exact" : "one value"),
      ),
    ),
  );
  const body = items.length
    ? box(title, element("table", {}, element("tbody", {}, items)), "stack")
    : element("p", { class: "quiet" }, none);
  return element("section", {}, heading(title), body);
}

/** The sites that changed most, each once: a whole match has those of its parts, too. */
function siteChanges() {
  const all = pair.hotspots
    .flatMap((spot) => spot.sites.map((one) => ({ spot, one })))
    .filter(({ one: [, , , status] }) => status !== "unchanged")
    .sort((a, b) => Math.abs((b.one[5] ?? 0) - (b.one[4] ?? 0)) - Math.abs((a.one[5] ?? 0) - (a.one[4] ?? 0)));
  return Object.values(Object.groupBy(all, ({ one }) => one.slice(0, 3).join("\n"))).map(([first]) => first);
}

function whereList() {
  const found = siteChanges().slice(0, 6);
  if (!found.length)
    return element(
      "section",
      {},
      heading("Where in the code"),
      element(
        "p",
        { class: "quiet" },
        pair.hotspots.length
          ? "No line of code allocates more or less, in the heap profiles of the two commits."
          : ["No heap profiles of both commits were recorded; ", element("code", {}, "tox -e bench"), " records them."],
      ),
    );
  const items = found.map(({ spot, one: [func, file, line, status, old, now] }) =>
    element(
      "tr",
      {},
      siteCell(func, `${file}:${line} in ${spot.operation}`),
      element("td", { class: "nowrap" }, figures([old, now], "bytes").join(" → ")),
      element("td", { class: (now ?? 0) > (old ?? 0) ? "bad" : "good" }, status),
    ),
  );
  return element(
    "section",
    {},
    heading("Where in the code"),
    box("Where in the code", element("table", {}, element("tbody", {}, items)), "stack"),
    element("p", {}, element("a", { href: address({ view: "hotspots" }) }, "All hotspots")),
  );
}

function drawSummary() {
  const counted = pair.rows.filter(({ family }) => !family.derived);
  const worse = counted
    .filter(({ verdict }) => ["regressed", "failed"].includes(verdict))
    .sort((a, b) => (b.verdict === "failed") - (a.verdict === "failed") || better(a) - better(b));
  const improved = counted.filter(({ verdict }) => verdict === "improved").sort((a, b) => better(b) - better(a));
  const best = Object.values(Object.groupBy(improved, ({ series, family }) => `${series.component} ${family.key}`))
    .map(([first]) => first)
    .sort((a, b) => better(b) - better(a));
  return [
    element("div", { class: "cards" }, pair.targets.map(targetCard), timeCard(), countsCard()),
    element(
      "div",
      { class: "columns" },
      element(
        "section",
        {},
        heading("By component"),
        meansTable(),
        element("p", { class: "quiet" }, "Geometric means over the sizes; below 1 is better."),
      ),
      whereList(),
      shortList(
        `Regressed most${worse.length > 6 ? `, 6 of ${count(worse.length)}` : ""}`,
        worse.slice(0, 6),
        "Nothing regressed.",
      ),
      shortList("Improved most, one of each kind", best.slice(0, 6), "Nothing improved."),
    ),
  ];
}
