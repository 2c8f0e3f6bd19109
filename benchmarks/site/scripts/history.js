const wrapped = (text) =>
  escaped(text.length > 240 ? `${text.slice(0, 239)}…` : text).replace(/(.{50,70}?)\s/g, "$1<br>");

const levels = (low, high, unit) =>
  `${figures([low, high], unit).join(" → ")}${low > 0 ? ` (${changeText(high / low)})` : ""}`;

function broughtBy(before, after) {
  const [old, now] = [before, after].map((column) => data.commits[setting.measured[column]]);
  const gap = now.place - old.place - 1;
  return gap > 0 ? `one of ${count(gap + 1)} commits up to ` : "";
}

function historyChart(component, family, members) {
  const { label, unit, better: direction } = data.families[family];
  const values = members.flatMap((series) => series.values.filter((value) => value !== null));
  const isLog = values.every((value) => value > 0);
  const commits = setting.measured.map((place) => data.commits[place]);
  const about = (column) =>
    `<b>${commits[column].hash.slice(0, 7)}</b> ${date(commits[column].date)} ` +
    `${branchOf(setting.measured[column])}<br>${wrapped(commits[column].subject)}`;
  const nameIn = ({ operation }) => operation.slice(component.length).trim() || operation;
  const traces = (colours, lines, width) => {
    const found = members.flatMap((series, place) => {
      const [number, dash] = lineOf(place);
      const colour = lines[number];
      const version = (column) => series.versions[column] ?? 0;
      const columns = series.values.map((value, column) => column).filter((column) => series.values[column] !== null);
      const versions = [...new Set(columns.map(version))];
      const drawn = versions.map((wanted, order) => {
        const mine = columns.filter((column) => version(column) === wanted);
        return {
          type: "scatter",
          mode: commits.length > MOST_MARKED ? "lines" : "lines+markers",
          x: mine,
          y: mine.map((column) => series.values[column]),
          hoverinfo: "text",
          text: mine.map(
            (column) =>
              `${about(column)}<br>${escaped(series.operation)}: ${shown(series.values[column], unit)}` +
              (versions.length > 1 ? ` (version ${order + 1} of the benchmark)` : ""),
          ),
          line: { color: colour, width: 1.5, dash },
          marker: {
            size: 5,
            color: colour,
            symbol: mine.map((column) => (branchOf(setting.measured[column]) ? "circle-open" : "circle")),
          },
        };
      });
      const marks = series.steps.map(([before, after, low, high]) => ({ before, after, low, high }));
      drawn.push({
        type: "scatter",
        mode: "markers",
        x: marks.map(({ after }) => after),
        y: marks.map(({ after }) => series.values[after]),
        hoverinfo: "text",
        text: marks.map(
          ({ before, after, low, high }) =>
            `<b>Step</b> brought by ${broughtBy(before, after)}${about(after)}` +
            `<br>${escaped(series.operation)}: ${levels(low, high, unit)}`,
        ),
        marker: {
          size: 9,
          symbol: "diamond",
          line: { width: 1, color: colours.page },
          color: marks.map(({ low, high }) =>
            direction * (high - low) > 0 ? colours.good : direction ? colours.bad : colours.quiet,
          ),
        },
      });
      return drawn;
    });
    const stride = Math.ceil(commits.length / Math.max(2, width / 40));
    const places = commits.map((_, column) => column).filter((column) => column % stride === 0);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const scale = isLog
      ? {
          type: "log",
          ...ticks(least / 1.1, most * 1.1, unit),
          range: [Math.log10(least / 1.15), Math.log10(most * 1.15)],
        }
      : { rangemode: "tozero" };
    return [
      found,
      {
        xaxis: axis(colours, {
          tickvals: places,
          ticktext: places.map((column) => commits[column].hash.slice(0, 7)),
          tickangle: -45,
          range: [-0.5, commits.length - 0.5],
        }),
        yaxis: axis(colours, scale),
      },
    ];
  };
  const steps = members.reduce((sum, { steps }) => sum + steps.length, 0);
  const words = `${count(members.length)} series, ${count(steps)} steps`;
  const legend = element(
    "ul",
    { class: "legend" },
    members.map((series, place) => {
      const [number, dash] = lineOf(place);
      const style = { "border-top-color": `var(--line-${number})`, "border-top-style": DASHES[dash] };
      return element("li", {}, element("i", { style }), nameIn(series));
    }),
  );
  return chart(`${component}: ${label}`, `History of ${label} of ${component}: ${words}`, 260, traces, legend, words);
}

function stepList(members) {
  const groups = new Map();
  for (const series of members)
    for (const [before, after, low, high] of series.steps) {
      if (!groups.has(after)) groups.set(after, []);
      groups.get(after).push({ series, before, low, high });
    }
  if (!groups.size) return [];
  const all = [...groups]
    .sort(([a], [b]) => b - a)
    .map(([after, found]) => {
      found.sort((a, b) => Math.abs(Math.log(b.high / b.low || 1)) - Math.abs(Math.log(a.high / a.low || 1)));
      const commit = data.commits[setting.measured[after]];
      const previous = nameOf(setting.measured[Math.max(...found.map(({ before }) => before))]);
      const items = found.slice(0, 3).map(({ series, low, high }) => {
        const { better: direction, label, unit } = data.families[series.family];
        return element(
          "li",
          { class: direction * (high - low) > 0 ? "good" : direction ? "bad" : "" },
          `${series.operation}, ${label}: ${levels(low, high, unit)}`,
        );
      });
      if (found.length > 3) items.push(element("li", { class: "quiet" }, `and ${count(found.length - 3)} more`));
      const from = broughtBy(found[0].before, after);
      return element(
        "section",
        {},
        element(
          "h3",
          {},
          `${from}${commit.hash.slice(0, 7)} ${commit.subject} `,
          element("small", {}, date(commit.date)),
        ),
        element("ul", {}, items),
        element(
          "p",
          {},
          element(
            "a",
            { href: address({ before: previous, after: nameOf(setting.measured[after]), view: "summary" }) },
            "Compare with the commit measured before it",
          ),
        ),
      );
    });
  const more = element(
    "button",
    { type: "button", class: "plain", hidden: all.length > STEPS_AT_ONCE ? undefined : "" },
    `Show all ${count(all.length)} commits`,
  );
  const list = element("div", {}, all.slice(0, STEPS_AT_ONCE));
  more.addEventListener("click", () => {
    list.replaceChildren(...all);
    more.hidden = true;
  });
  return [heading(`Steps, by the commit that brought them`), list, element("p", {}, more)];
}

function drawHistory() {
  const all = setting.series.filter((series) => series.values.some((value) => value !== null));
  const kept = all.filter((series) =>
    matches(
      `${series.operation} ${series.name} ${data.families[series.family].label}`,
      series.component,
      series.family,
      "",
    ),
  );
  hits(kept.length, all.length, "series");
  if (!kept.length) return [empty("No series matches the filters.")];
  const groups = Map.groupBy(
    kept,
    ({ component, family }) => `${Object.keys(data.families).indexOf(family)}`.padStart(2, "0") + component,
  );
  const charts = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([, members]) =>
        () =>
          historyChart(members[0].component, members[0].family, members),
    );
  return [
    element(
      "p",
      { class: "quiet" },
      "All measured commits in the order of their history; diamonds are steps, " +
        "open circles commits of other branches. Lines end where what is measured has changed. ",
      element("a", { href: data.trends }, "The trend pages"),
      " show each benchmark by itself.",
    ),
    ...gallery(charts),
    ...stepList(kept),
  ];
}
