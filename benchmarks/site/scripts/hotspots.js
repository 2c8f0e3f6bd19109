const siteCell = (func, place) =>
  element("th", { scope: "row" }, element("code", {}, func), element("br"), element("small", {}, place));

function hotspotTable({ operation, pages, totals, sites }) {
  const most = Math.max(...sites.map(([, , , , old, now]) => Math.abs((now ?? 0) - (old ?? 0))), 1);
  const rows = sites.map(([func, file, line, status, old, now, oldBlocks, nowBlocks]) => {
    const change = (now ?? 0) - (old ?? 0);
    const sign = change > 0 ? "+" : change < 0 ? "−" : "";
    return element(
      "tr",
      {},
      siteCell(func, `${file}:${line}`),
      element("td", { class: "text" }, status),
      element("td", { class: "nowrap", "data-label": "before" }, shown(old, "bytes")),
      element("td", { class: "nowrap", "data-label": "after" }, shown(now, "bytes")),
      element(
        "td",
        { class: `change nowrap ${change > 0 ? "bad" : change < 0 ? "good" : ""}` },
        `${sign}${shown(Math.abs(change), "bytes")}`,
        element("i", { "aria-hidden": "true", style: { width: `${(100 * Math.abs(change)) / most}%` } }),
      ),
      element(
        "td",
        { class: "nowrap", "data-label": "blocks" },
        `${shown(oldBlocks, "blocks")} → ${shown(nowBlocks, "blocks")}`,
      ),
    );
  });
  const names = ["Site", "Status", "Before", "After", "Change in bytes", "Blocks"];
  const head = element(
    "tr",
    {},
    names.map((name, place) => element("th", { scope: "col", class: place < 2 ? "text" : "" }, name)),
  );
  const [old, now] = totals;
  const links = ["what changed", "profile before", "profile after"].map((label, place) => [
    element("a", { href: pages[place] }, label),
    place < 2 ? " · " : "",
  ]);
  return element(
    "section",
    {},
    heading(operation),
    element(
      "p",
      {},
      `Allocated ${shown(old[0], "bytes")} → ${shown(now[0], "bytes")} ` +
        `in ${count(old[1])} → ${count(now[1])} blocks; ` +
        `at the peak ${shown(old[2], "bytes")} → ${shown(now[2], "bytes")}. `,
      "Flame graphs: ",
      links,
    ),
    box(`Sites of ${operation}`, element("table", {}, element("thead", {}, head), element("tbody", {}, rows)), "stack"),
  );
}

function drawHotspots() {
  if (!pair.hotspots.length)
    return [
      empty(
        "No heap profiles of both commits were recorded. ",
        element("code", {}, `python -m tox -e bench -- ${nameOf(pair.before)} ${nameOf(pair.after)}`),
        " records them.",
      ),
    ];
  return [
    element(
      "p",
      { class: "quiet" },
      "The lines of code that allocate, in recorded heap profiles of the two commits: " +
        "those that changed most, and the largest of each. Recording stacks takes memory of its own, which is in these " +
        "figures and in no others.",
    ),
    ...pair.hotspots.map(hotspotTable),
  ];
}
