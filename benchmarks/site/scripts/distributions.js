const quantile = (sorted, share) => {
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  return sorted[low] + (sorted[Math.ceil(place)] - sorted[low]) * (place - low);
};

/** Tukey's fences: one and a half times the distance of the quartiles outside of them. */
function fences(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const [lower, upper] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  return [lower - 1.5 * (upper - lower), upper + 1.5 * (upper - lower)];
}

function distribution(row, both) {
  const { series, ratio, low, high, p, verdict } = row;
  const isOutlier = both.map((samples) => {
    const [bottom, top] = fences(samples);
    return samples.map((one) => one < bottom || one > top);
  });
  const outliers = isOutlier.map((marks) => marks.filter(Boolean).length);
  const traces = (colours) => {
    const all = both.flat();
    const [least, most] = [Math.min(...all) * 0.95, Math.max(...all) * 1.05];
    const axisTicks = ticks(least, most, "seconds");
    // the density is estimated on the logarithms that the axis shows
    const violins = both
      .filter((samples) => samples.length >= 5)
      .map((samples) => [samples, both.indexOf(samples)])
      .map(([samples, side]) => ({
        type: "violin",
        x: samples.map(() => side),
        y: samples.map(Math.log10),
        width: 0.85,
        points: false,
        hoverinfo: "skip",
        line: { color: side ? colours.after : colours.before, width: 1.5 },
        meanline: { visible: false },
        box: { visible: true, width: 0.12 },
        spanmode: "soft",
      }));
    const points = both.flatMap((samples, side) =>
      [false, true].map((outlying) => {
        const kept = samples
          .map((one, place) => [one, place])
          .filter(([, place]) => isOutlier[side][place] === outlying);
        return {
          type: "scatter",
          mode: "markers",
          x: kept.map(([, place]) => side + 0.16 * Math.sin(7 * place + 1)),
          y: kept.map(([one]) => Math.log10(one)),
          hoverinfo: "text",
          text: kept.map(([one]) => shown(one, "seconds") + (outlying ? ", an outlier" : "")),
          marker: {
            size: outlying ? 11 : 6,
            symbol: outlying ? "x" : "circle",
            color: outlying ? colours.bad : colours[side ? "after" : "before"],
            line: { width: 1, color: colours.page },
          },
        };
      }),
    );
    return [
      [...violins, ...points],
      {
        xaxis: axis(colours, { tickvals: [0, 1], ticktext: ["before", "after"], showgrid: false, range: [-0.6, 1.6] }),
        yaxis: axis(colours, { ...axisTicks, tickvals: axisTicks.tickvals.map(Math.log10) }),
      },
    ];
  };
  const side = (samples, place) =>
    `${place ? "after" : "before"} ${row.texts[place]} ` +
    `(${count(samples.length)} samples${outliers[place] ? `, ${outliers[place]} outlying` : ""})`;
  const interval = low ? `, 95 % interval ${ratioText(low)} to ${ratioText(high)}, p ${written(p, 2)}` : "";
  const words = `${both.map(side).join(", ")}; ratio ${ratioText(ratio)}${interval}`;
  return chart(
    element("span", {}, `${series.operation} `, pill(verdict)),
    `Distribution of ${series.operation}: ${words}`,
    240,
    traces,
    words,
  );
}

async function drawDistributions() {
  const files = await Promise.all(
    [pair.before, pair.after].map((commit) =>
      loadJson(`${setting.number}/${data.commits[commit].hash.slice(0, SHORT)}`),
    ),
  );
  const rows = pair.rows
    .filter(({ family, ratio }) => family.sampled && ratio !== null)
    .map((row) => [row, files.map(({ samples }) => (samples[row.index] ?? []).filter((one) => one > 0))])
    .filter(([, both]) => both.every((samples) => samples.length > 1));
  const kept = rows.filter(([row]) => rowMatches(row));
  hits(kept.length, rows.length, "timings");
  if (!kept.length)
    return [
      empty(
        rows.length
          ? "No timing matches the filters."
          : "No samples of both commits were recorded: `tox -e bench` records them.",
      ),
    ];
  return [
    element(
      "p",
      { class: "quiet" },
      "Each sample is a point; crosses are outliers, by Tukey's fences. " +
        "The scale is logarithmic, so that equal distances are equal ratios.",
    ),
    ...gallery(
      kept.map(
        ([row, both]) =>
          () =>
            distribution(row, both),
      ),
    ),
  ];
}
