const DRAW = {
  summary: drawSummary,
  table: drawTable,
  distributions: drawDistributions,
  growth: drawGrowth,
  hotspots: drawHotspots,
  history: drawHistory,
  method: drawMethod,
};

/** Draw the chosen view of the chosen pair. */
async function draw() {
  const drawn = JSON.stringify(state);
  drawFilters();
  document.title = `${VIEWS[state.view]}: ${nameOf(pair.before)} and ${nameOf(pair.after)} · ${data.project}`;
  const warnings = pair.warnings?.length
    ? element(
        "div",
        { class: "notice", role: "note" },
        element("strong", {}, "Compare with care"),
        element(
          "ul",
          {},
          pair.warnings.map((text) => element("li", {}, text)),
        ),
      )
    : "";
  byId("warnings").replaceChildren(warnings);
  const previous = charts;
  charts = [];
  let made;
  if (pair.known || state.view === "history") made = await DRAW[state.view]();
  else if (pair.before === pair.after) made = [empty("Before and after are the same commit: choose two.")];
  else
    made = [
      empty(
        "These two commits were not compared when the site was published. Print the report on them by ",
        element("code", {}, `python -m benchmarks.site report ${nameOf(pair.before)} ${nameOf(pair.after)}`),
      ),
    ];
  if (JSON.stringify(state) !== drawn) return; // something else was chosen meanwhile
  if (globalThis.Plotly) previous.filter((entry) => entry.drawn).forEach(({ plot }) => Plotly.purge(plot));
  content.replaceChildren(...made);
  content.dataset.view = state.view;
  drawWhenSeen();
}

// --------------------------------------------------------------------------------------------------------------------

for (const id of ["before", "after"]) byId(id).addEventListener("change", ({ target }) => go({ [id]: target.value }));
byId("on").addEventListener("change", ({ target }) =>
  go({ on: target.value === "0" ? "" : target.value, before: "", after: "" }),
);
byId("swap").addEventListener("click", () => go({ before: nameOf(pair.after), after: nameOf(pair.before) }));
for (const id of ["component", "metric", "verdict"])
  byId(id).addEventListener("change", ({ target }) => go({ [id]: target.value }, true));
let typing;
byId("q").addEventListener("input", ({ target }) => {
  clearTimeout(typing);
  typing = setTimeout(() => go({ q: target.value }, true), 120);
});
for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names what is shown
  byId("main").focus();
});
addEventListener("hashchange", () => {
  const view = state.view;
  update().then(() => view !== state.view && scrollTo(0, 0));
});
let pending;
addEventListener("resize", () => {
  clearTimeout(pending);
  pending = setTimeout(redraw, 150);
});
darkScheme.addEventListener("change", () => redraw());
for (const event of ["beforeprint", "afterprint"])
  addEventListener(event, () => {
    printing = event === "beforeprint";
    redraw(printing);
  });

loadJson("site")
  .then((loaded) => {
    data = loaded;
    if (!data.settings.length)
      return problem("There are no results yet: `python -m tox -e bench` measures two commits.");
    return update();
  })
  .catch((error) => problem(`The report cannot be shown: ${error.message}`));
