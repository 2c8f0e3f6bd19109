// Pickers and filters.

function option(text, value, selected) {
  const made = element("option", { value }, text.length > 110 ? `${text.slice(0, 109)}…` : text);
  made.selected = selected;
  return made;
}

function fillPickers(before, after) {
  const groups = new Map([
    ["Baselines", []],
    ["Commits, the newest first", []],
    ["Other branches", []],
    ["Not in this clone", []],
  ]);
  for (const place of setting.measured.toReversed()) {
    const where =
      { "": "Commits, the newest first", "another branch": "Other branches" }[branchOf(place)] ?? "Not in this clone";
    groups.get(data.commits[place].names.length ? "Baselines" : where).push(place);
  }
  for (const [id, chosen, other] of [
    ["before", before, null],
    ["after", after, before],
  ]) {
    const compared = new Set(setting.pairs.filter(([a]) => a === other).map(([, b]) => b));
    const made = [...groups]
      .filter(([, places]) => places.length)
      .map(([label, places]) => {
        const options = places.map((place) => {
          const mark = other === null || compared.has(place) || place === other ? "" : " (not compared here)";
          return option(titleOf(place) + mark, nameOf(place), place === chosen);
        });
        return element("optgroup", { label }, options);
      });
    byId(id).replaceChildren(...made);
    byId(id).title = chosen === undefined ? "" : titleOf(chosen);
  }
  byId("swap").hidden = !setting.pairs.some(([a, b]) => a === after && b === before);
  byId("settings").hidden = data.settings.length < 2;
  byId("on").replaceChildren(
    ...data.settings.map(({ machine, environment }, place) =>
      option(`${machine} · ${environment}`, String(place), place === setting.number),
    ),
  );
}

function drawViews() {
  const nav = byId("views");
  const links = Object.entries(VIEWS).map(([view, label]) =>
    element("a", { href: address({ view }), "aria-current": view === state.view && "page" }, label),
  );
  if (!nav.children.length) nav.replaceChildren(...links);
  links.forEach((link, place) => {
    const old = nav.children[place];
    old.setAttribute("href", link.getAttribute("href"));
    if (link.hasAttribute("aria-current")) old.setAttribute("aria-current", "page");
    else old.removeAttribute("aria-current");
  });
  const current = nav.querySelector("[aria-current]");
  if (
    current.offsetLeft + current.offsetWidth > nav.scrollLeft + nav.clientWidth ||
    current.offsetLeft < nav.scrollLeft
  )
    nav.scrollLeft = current.offsetLeft - 16;
}

function drawFilters() {
  const filters = FILTERS[state.view] ?? [];
  byId("filters").hidden = !filters.length;
  for (const id of ["q", "component", "metric", "verdict"]) byId(id).parentElement.hidden = !filters.includes(id);
  const fill = (id, names) => {
    const extra = state[id] && !names.some(([value]) => value === state[id]) ? [[state[id], state[id]]] : [];
    byId(id).replaceChildren(
      option("all", "", !state[id]),
      ...[...names, ...extra].map(([value, label]) => option(label, value, value === state[id])),
    );
  };
  const families = new Set(setting.series.map(({ family }) => family));
  fill(
    "component",
    [...new Set(setting.series.map(({ component }) => component))].map((name) => [name, name]),
  );
  fill(
    "metric",
    Object.values(data.families)
      .filter(({ key }) => families.has(key))
      .map(({ key, label }) => [key, label]),
  );
  fill(
    "verdict",
    data.verdicts
      .map((name) => [name, `${name} (${count(pair.counts?.[name] ?? 0)})`])
      .filter(([name]) => pair.rows.some(({ verdict }) => verdict === name)),
  );
  if (byId("q").value !== (state.q ?? "")) byId("q").value = state.q ?? "";
}

function matches(text, component, family, verdict) {
  const words = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const filters = FILTERS[state.view];
  return (
    words.every((word) => text.toLowerCase().includes(word)) &&
    (!state.component || component === state.component) &&
    (!filters.includes("metric") || !state.metric || family === state.metric) &&
    (!filters.includes("verdict") || !state.verdict || verdict === state.verdict)
  );
}

const rowMatches = ({ series, family, verdict }) =>
  matches(`${series.operation} ${series.name} ${family.label}`, series.component, family.key, verdict);

function hits(shownNumber, all, what) {
  byId("hits").textContent = `${count(shownNumber)} of ${count(all)} ${what}`;
}
