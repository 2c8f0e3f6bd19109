// Charts.

let charts = []; // of the view that is shown
let watch; // draws charts when they come into view

const PALETTES = {
  light: {
    text: "#1c1f24",
    quiet: "#59606b",
    line: "#d5d9df",
    before: "#0072b2",
    after: "#c04f00",
    good: "#17692c",
    bad: "#a8200d",
    hover: "#1c1f24",
    onHover: "#ffffff",
    page: "#ffffff",
  },
  dark: {
    text: "#e7e9ed",
    quiet: "#a7aeba",
    line: "#3a404a",
    before: "#6cb4ee",
    after: "#ff9e5e",
    good: "#83d596",
    bad: "#ff9d8a",
    hover: "#e7e9ed",
    onHover: "#16191d",
    page: "#15181d",
  },
};
// as the style sheet has them, --line-0 to --line-7
const LINES = {
  light: ["#0072b2", "#c04f00", "#007a5a", "#a0408f", "#7a5c00", "#4b5fc4", "#b3203f", "#59606b"],
  dark: ["#6cb4ee", "#ff9e5e", "#4fd0a7", "#e39ad3", "#e6c34f", "#a5b0ff", "#ff8fa3", "#b3bac5"],
};
const DASHES = { solid: "solid", dash: "dashed", dot: "dotted" }; // of Plotly and of style sheets
const lineOf = (place) => [place % LINES.light.length, Object.keys(DASHES)[Math.floor(place / LINES.light.length) % 3]];
const theme = () => (darkScheme.matches && !printing ? "dark" : "light");

function axis(colours, more) {
  return {
    gridcolor: colours.line,
    zeroline: false,
    linecolor: colours.line,
    tickfont: { size: 11 },
    automargin: true,
    fixedrange: true,
    ...more,
  };
}

/** Round values that divide a range of positive figures, on a logarithmic scale where it is wide. */
function ticks(low, high, unit) {
  let values = [];
  if (high / low > 4) {
    const decades = Math.log10(high / low);
    const steps = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
    const stride = Math.ceil(decades / 6);
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1; power++)
      if (power % stride === 0) values.push(...steps.map((step) => step * 10 ** power));
  } else {
    const raw = (high - low) / 5 || high / 5;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((one) => one * power >= raw) * power;
    for (let place = Math.floor(low / step); place * step <= high + step; place++)
      if (place > 0) values.push(place * step);
  }
  values = values.filter((value) => value >= low * 0.97 && value <= high * 1.03);
  return {
    tickmode: "array",
    tickvals: values,
    ticktext: values.map((value) => shown(Number(value.toPrecision(12)), unit).replace(/\.0+ /, " ")),
  };
}

/** A figure whose chart is drawn once it comes into view; `traces` gives traces and layout for a palette. */
function chart(title, label, height, traces, ...captions) {
  const plot = element("div", {
    class: "chart",
    role: "img",
    "aria-label": label,
    style: { "--height": `${height}px` },
  });
  const entry = { plot, drawn: false };
  entry.draw = () => {
    if (!globalThis.Plotly) return;
    entry.drawn = true;
    const colours = PALETTES[theme()];
    const width = printing ? PRINT_WIDTH : plot.clientWidth || 320;
    const [found, layout] = traces(colours, LINES[theme()], width);
    Plotly.react(
      plot,
      found,
      {
        height,
        width,
        margin: { t: 8, r: 10, b: 28, l: 10 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: FONT, size: 12, color: colours.text },
        showlegend: false,
        dragmode: false,
        hovermode: "closest",
        hoverlabel: { align: "left", bgcolor: colours.hover, font: { family: FONT, color: colours.onHover } },
        ...layout,
      },
      { displayModeBar: false, responsive: false, showTips: false },
    );
  };
  charts.push(entry);
  return element("figure", {}, element("h3", {}, title), plot, element("figcaption", {}, ...captions));
}

function drawWhenSeen() {
  watch?.disconnect();
  if (!charts.length) return;
  const current = charts;
  site.library("library.js").then(() => {
    if (current !== charts) return;
    const seen = new Set();
    // one at a time, and only those that are still in view, so that the page stays responsive
    const drawNext = () => {
      const entry = current.find((one) => seen.has(one.plot) && !one.drawn);
      if (!entry || current !== charts) return;
      entry.draw();
      setTimeout(drawNext);
    };
    watch = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
        setTimeout(drawNext);
      },
      { rootMargin: "100px" },
    );
    for (const { plot } of current) watch.observe(plot);
  });
}

function redraw(all = false) {
  for (const entry of charts) if (all || entry.drawn) entry.draw();
}

/** Some of many figures, and a button for more. */
function gallery(makers) {
  const grid = element("div", { class: "charts" });
  const more = element("button", { type: "button", class: "plain" });
  let done = 0;
  const add = () => {
    grid.append(...makers.slice(done, done + AT_ONCE).map((make) => make()));
    done = Math.min(done + AT_ONCE, makers.length);
    more.textContent = `Show more (${count(makers.length - done)} left)`;
    more.hidden = done >= makers.length;
  };
  more.addEventListener("click", () => {
    add();
    drawWhenSeen();
  });
  add();
  return [grid, element("p", {}, more)];
}
