"use strict";

const VIEWS = {
  summary: "Summary",
  table: "Table",
  distributions: "Distributions",
  growth: "Growth",
  hotspots: "Hotspots",
  history: "History",
  method: "How it was measured",
};
const FILTERS = {
  table: ["q", "component", "metric", "verdict"],
  distributions: ["q", "component", "verdict"],
  growth: ["q", "component", "metric"],
  history: ["q", "component", "metric"],
};
const SHORT = 10; // characters of a hash in files and addresses
const AT_ONCE = 24; // charts before a button asks for more
const STEPS_AT_ONCE = 40;
const MOST_MARKED = 60; // commits, each with a point on every line
const PRINT_WIDTH = 300; // px of a chart, of which two stand side by side on A4 and Letter
const DASH = "–";
const FONT = "system-ui, sans-serif";

const byId = (id) => document.getElementById(id);
const content = byId("content");
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

// --------------------------------------------------------------------------------------------------------------------
// Elements. Every text from outside becomes a text node; nothing is parsed as HTML.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.flat(2).filter((child) => child || child === 0));
  return made;
}

const heading = (text) => element("h2", {}, text);
const box = (label, child, kind = "") =>
  element("div", { class: `box ${kind}`, tabindex: 0, role: "region", "aria-label": label }, child);
const empty = (...children) => element("div", { class: "empty" }, ...children);

/** Plotly reads tags and entities in any text. */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// --------------------------------------------------------------------------------------------------------------------
// Figures, as benchmarks/heap/units.py and benchmarks/site/text.py write them.

const count = new Intl.NumberFormat("en").format;
const forms = new Map();

/** A number that is rounded as Python does: from all of its digits, and to even. */
function rounded(value, options) {
  const key = JSON.stringify(options);
  if (!forms.has(key))
    forms.set(key, new Intl.NumberFormat("en", { roundingMode: "halfEven", useGrouping: false, ...options }));
  return forms.get(key).format(value.toFixed(60));
}

const decimals = (value, digits) => rounded(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = (value) => rounded(value, { maximumFractionDigits: 0, useGrouping: true });

// with an exponent below a millionth only
const isTiny = (value, digits) => value && Math.abs(Number(value.toPrecision(digits))) < 1e-6;
const written = (value, digits) =>
  isTiny(value, digits)
    ? String(Number(value.toPrecision(digits)))
    : rounded(value, { maximumSignificantDigits: digits });
const threeDigits = (value) =>
  isTiny(value, 3)
    ? value.toExponential(2)
    : rounded(value, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
/** Three digits. */
const short = (value) => (Math.abs(value) >= 99.95 ? whole(value) : written(value, 3));

const scale = (value, scales) => scales.find(([, factor]) => Math.abs(value) >= 0.9995 * factor) ?? scales.at(-1);

function seconds(value) {
  const [unit, factor] = scale(value, [
    ["s", 1],
    ["ms", 1e-3],
    ["µs", 1e-6],
    ["ns", 1e-9],
  ]);
  return `${short(value / factor)} ${unit}`;
}

function bytes(size) {
  const [unit, factor] = scale(size, [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
    ["bytes", 1],
  ]);
  const value = size / factor;
  return `${factor === 1 || Math.abs(value) >= 999.5 ? whole(value) : threeDigits(value)} ${unit}`;
}

function shown(value, unit) {
  if (value === null || value === undefined) return DASH;
  return ({ seconds, bytes, blocks: whole }[unit] ?? short)(value);
}

/** A figure before and after: bytes in full where three digits do not tell them apart. */
function figures(values, unit) {
  const texts = values.map((value) => shown(value, unit));
  const isSame = unit === "bytes" && values[0] !== values[1] && texts[0] === texts[1];
  return isSame ? values.map((value) => `${whole(value)} bytes`) : texts;
}

const EQUAL = 1e-9; // what a ratio may differ from 1 by rounding

/** How many decimals show a difference, if there is one. */
const decimalsOf = (difference, least) =>
  Math.abs(difference) < EQUAL ? least : Math.max(least, -Number(difference.toExponential(0).split("e")[1]));

const ratioText = (ratio) => (ratio < 0.1 ? threeDigits(ratio) : decimals(ratio, decimalsOf(ratio - 1, 3)));

/** How much less, or more. */
function shareText(share) {
  if (Math.abs(share) < EQUAL) return "unchanged";
  const size = decimals(Math.abs(100 * share), decimalsOf(100 * share, 1));
  return `${size}\u202f% ${share > 0 ? "down" : "up"}`;
}

/** What a ratio means: a share down or up, or a factor where that says more. */
function changeText(ratio) {
  if (ratio < 0.1) return ratio ? `${short(1 / ratio)} times less` : "none left";
  return ratio > 10 ? `${short(ratio)} times as much` : shareText(1 - ratio);
}

const date = (seconds) => (seconds ? new Date(seconds * 1000).toISOString().slice(0, 10) : "");
