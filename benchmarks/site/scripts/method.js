async function drawMethod() {
  const files = await Promise.all(
    [pair.before, pair.after].map((commit) =>
      loadJson(`${setting.number}/${data.commits[commit].hash.slice(0, SHORT)}`),
    ),
  );
  const facts = files.map((file) => file.facts);
  const rows = [...new Set(facts.flatMap(Object.keys))].map((key) => {
    const [old, now] = facts.map((one) => one[key] ?? "not recorded");
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, key),
      element("td", { class: "text" }, old),
      element("td", { class: "text" }, now),
    );
  });
  const head = element(
    "tr",
    {},
    ["", "Before", "After"].map((name) => element("th", { scope: "col", class: "text" }, name)),
  );
  const thresholds = Object.values(data.families)
    .filter(({ threshold }) => threshold)
    .map(({ label, threshold }) => `${label} ${100 * threshold} %`);
  const rules = {
    "improved, regressed":
      `Times: a Mann-Whitney test gives p < ${data.alpha}, and the median changed by more than the threshold for ` +
      "noise. Figures without samples: by more than the threshold. Heap series are exact, so that every change counts.",
    "thresholds for noise": thresholds.join(", "),
    "95 % interval": "Of the ratio of the medians, by a percentile bootstrap over the recorded samples.",
    "not enough data": "Too few samples for any p-value below the limit, or a peak within the noise of its reference.",
    "not comparable": "What is measured has changed: the versions of the benchmark differ.",
    "new, gone, failed, not measured":
      "Only one commit has a result, which a run of some benchmarks leaves too; the benchmark failed after; " +
      "or neither commit has a result.",
    "not judged": "Neither direction is better by itself, as for the mean size of allocations.",
    "peak memory of the process, net": "Less the peak of a process that only makes the inputs.",
    noise: "Half the distance of the quartiles, scaled to a standard deviation, as a share of the median.",
    chance: pair.chance,
  };
  return [
    element("p", {}, `Measured on ${setting.machine}, in the environment ${setting.environment}.`),
    box("Conditions", element("table", {}, element("thead", {}, head), element("tbody", {}, rows)), "narrow"),
    heading("How to read it"),
    element(
      "dl",
      {},
      Object.entries(rules).map(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]),
    ),
  ];
}
