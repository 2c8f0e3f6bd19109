function growthChart({ operation, family, sizes, series }, laws) {
  const { label, unit } = data.families[family];
  const sides = [pair.before, pair.after].map((commit) =>
    series
      .map((index, place) => [sizes[place], setting.series[index].values[setting.at.get(commit)]])
      .filter(([, value]) => value > 0),
  );
  const words = laws.map((law, side) => {
    const name = side ? "after" : "before";
    return law
      ? `${name} n^${law[0].toFixed(2)} (95 % interval ${law[1].toFixed(2)} to ${law[2].toFixed(2)})`
      : `${name}: fewer than three sizes`;
  });
  const traces = (colours) => {
    const all = sides.flat().map(([, value]) => value);
    const [least, most] = [Math.min(...all) / 1.25, Math.max(...all) * 1.25];
    const found = sides.flatMap((points, side) => {
      const colour = side ? colours.after : colours.before;
      const dots = {
        type: "scatter",
        mode: "markers",
        x: points.map(([n]) => n),
        y: points.map(([, value]) => value),
        hoverinfo: "text",
        text: points.map(([n, value]) => `${side ? "after" : "before"}, ${count(n)}: ${shown(value, unit)}`),
        marker: { size: 9, color: colour, symbol: side ? "square" : "circle" },
      };
      if (!laws[side]) return [dots];
      const [exponent, , , scale] = laws[side];
      const ends = [sizes[0], sizes.at(-1)];
      return [
        {
          type: "scatter",
          mode: "lines",
          x: ends,
          y: ends.map((n) => scale * n ** exponent),
          hoverinfo: "skip",
          line: { color: colour, width: 2, dash: side ? "dash" : "solid" },
        },
        dots,
      ];
    });
    return [
      found,
      {
        xaxis: axis(colours, { type: "log", tickvals: sizes, ticktext: sizes.map(count) }),
        yaxis: axis(colours, {
          type: "log",
          range: [Math.log10(least), Math.log10(most)],
          ...ticks(least, most, unit),
        }),
      },
    ];
  };
  return chart(
    `${operation}: ${label}`,
    `Growth of ${label} of ${operation}: ${words.join("; ")}`,
    240,
    traces,
    words.map((text, side) =>
      element("div", {}, element("span", { class: `key ${side ? "after" : "before"}` }), text),
    ),
  );
}

async function drawGrowth() {
  const files = await Promise.all(
    [pair.before, pair.after].map((commit) =>
      loadJson(`${setting.number}/${data.commits[commit].hash.slice(0, SHORT)}`),
    ),
  );
  const found = setting.groups
    .map((group, place) => [group, files.map(({ laws }) => laws[place])])
    .filter(([, laws]) => laws.some(Boolean));
  const kept = found.filter(([{ operation, family, series }]) =>
    matches(`${operation} ${data.families[family].label}`, setting.series[series[0]].component, family, ""),
  );
  hits(kept.length, found.length, "charts");
  if (!kept.length)
    return [empty(found.length ? "No chart matches the filters." : "Nothing was measured at three sizes or more.")];
  return [
    element(
      "p",
      { class: "quiet" },
      "Figures against the size of the input, both on logarithmic scales: " +
        "a power law is a straight line, its exponent the slope. " +
        "Intervals say how well a power law describes the figures.",
    ),
    ...gallery(
      kept.map(
        ([group, laws]) =>
          () =>
            growthChart(group, laws),
      ),
    ),
  ];
}
