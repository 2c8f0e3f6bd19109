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
// Figures.

const count = new Intl.NumberFormat("en").format;
const percent = (share, digits = 1) =>
  new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(100 * share) + "\u202f%";

/** Three digits, without an exponent. */
const short = (value) => (Math.abs(value) >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(3))));

function scaled(value, scales) {
  const [unit, factor] = scales.find(([, factor]) => Math.abs(value) >= 0.9995 * factor) ?? scales.at(-1);
  return `${short(value / factor)} ${unit}`;
}

function shown(value, unit) {
  if (value === null || value === undefined) return DASH;
  if (unit === "seconds")
    return scaled(value, [
      ["s", 1],
      ["ms", 1e-3],
      ["µs", 1e-6],
      ["ns", 1e-9],
    ]);
  if (unit === "bytes")
    return scaled(value, [
      ["GB", 1e9],
      ["MB", 1e6],
      ["kB", 1e3],
      ["bytes", 1],
    ]);
  return unit === "blocks" ? count(value) : short(value);
}

const ratioText = (ratio) => (ratio >= 0.1 ? ratio.toFixed(3) : String(Number(ratio.toPrecision(3))));

/** What a ratio means: a share down or up, or a factor where that says more. */
function changeText(ratio) {
  if (ratio === 1) return "unchanged";
  if (ratio < 0.1) return `${short(1 / ratio)} times less`;
  return ratio > 10 ? `${short(ratio)} times as much` : `${percent(Math.abs(ratio - 1))} ${ratio < 1 ? "down" : "up"}`;
}

const date = (seconds) => (seconds ? new Date(seconds * 1000).toISOString().slice(0, 10) : "");
