"use strict";
// Draws the scores and lags of an evaluation's page. What comes from data goes into the page as text
// content, and into a figure only by way of forPlot().
const data = JSON.parse(document.getElementById("data").textContent);
const PRINTED_PX = 680;
const place = new Map(data.recordings.map((recording, number) => [recording.index, number]));
const byId = (id) => document.getElementById(id);
const chosen = (id) => (byId(id) ? Number(byId(id).value) : 0);
const option = (id) => byId(id).selectedOptions[0].textContent;
const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const seconds = (ms) => (ms / 1000).toFixed(2);
const unit = (name) => data.units[name.replace(/_CA$/, "")] || "";
const named = (name) => (unit(name) ? `${name}, ${unit(name)}` : name);
const valued = (name, value) => `${name} ${value.toFixed(3)} ${unit(name)}`.trim();

// Plotly reads some tags and entities in all that it shows.
function forPlot(text) {
  return text
    .replace(/\s+/g, " ")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;");
}

const segmenter = Intl.Segmenter && new Intl.Segmenter();
const letters = (text) =>
  segmenter ? Array.from(segmenter.segment(text), (each) => each.segment) : Array.from(text);

function wrapped(text) {
  const lines = [""];
  for (const word of text.split(/\s+/).flatMap((each) => pieces(each, 50))) {
    const line = `${lines[lines.length - 1]} ${word}`.trim();
    if (line.length <= 50) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  if (lines.length > 12) lines.splice(12, lines.length, "…");
  return lines.map(forPlot).join("<br>");
}

function pieces(word, most) {
  if (word.length <= most) return [word];
  const all = letters(word);
  const starts = all.map((_, start) => start).filter((start) => start % most === 0);
  return starts.map((start) => all.slice(start, start + most).join(""));
}

const pen = document.createElement("canvas").getContext("2d");
function widthOf(text) {
  pen.font = "12px system-ui, sans-serif";
  return pen.measureText(text).width;
}

// As much of a text as has room.
function clipped(text, room) {
  const start = text.slice(0, 400);
  if (start.length === text.length && widthOf(text) <= room) return text;
  const all = letters(start);
  let low = 1;
  let high = all.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${all.slice(0, middle).join("")}…`) <= room) low = middle;
    else high = middle - 1;
  }
  return `${all.slice(0, low).join("").trimEnd()}…`;
}

function axis(title, more) {
  return {
    title: { text: title, standoff: 8 },
    gridcolor: colour("line"),
    linecolor: colour("line"),
    zerolinecolor: colour("quiet"),
    automargin: true,
    ...more,
  };
}

const printing = () => "print" in document.documentElement.dataset;
const widthOfPlot = (id) => (printing() ? PRINTED_PX : byId(id).clientWidth);

function draw(id, traces, layout) {
  const all = {
    height: 340,
    margin: { l: 50, r: 16, t: 16, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("ink"), family: "system-ui, sans-serif", size: 12 },
    hoverlabel: {
      bgcolor: colour("band"),
      bordercolor: colour("quiet"),
      font: { color: colour("ink") },
      align: "left",
    },
    showlegend: false,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("quiet"), activecolor: colour("ink") },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    ...(printing() ? { width: PRINTED_PX } : { autosize: true }),
    ...layout,
  };
  Plotly.react(id, traces, all, {
    responsive: true,
    displaylogo: false,
    doubleClick: id === "timeline" ? false : "reset",
    modeBarButtons: [["toImage"]],
  });
}

function drawBalance() {
  const quality = option("balance-quality");
  const latency = option("balance-latency");
  const points = data.runs.filter(
    (run) => Number.isFinite(run.scores[quality]) && Number.isFinite(run.scores[latency]),
  );
  const x = points.map((run) => run.scores[latency]);
  const y = points.map((run) => run.scores[quality]);
  const better = data.lower_is_better.includes(quality) ? "lower" : "higher";
  const names = points.map((run) => run.name);
  const trace = {
    x,
    y,
    mode: "lines+markers+text",
    text: names.map((name) => forPlot(clipped(name, 220))),
    textposition: x.map((_, point) => side(point, x, y)),
    hovertext: points.map((run) =>
      [wrapped(run.name), valued(quality, run.scores[quality]), valued(latency, run.scores[latency])]
        .filter((line) => line)
        .join("<br>"),
    ),
    hoverinfo: "text",
    cliponaxis: false,
    line: { color: colour("text"), width: 1.5 },
    marker: { color: colour("text"), size: 10 },
  };
  draw("balance", [trace], {
    xaxis: axis(`${named(latency)} (lower is better)`, around(x)),
    yaxis: axis(`${named(quality)} (${better} is better)`, around(y)),
  });
}

// A label stands beside the line, on the side of its point where there is room.
function side(point, x, y) {
  const middle = (Math.min(...x) + Math.max(...x)) / 2;
  const rising = x.length < 2 || (y[y.length - 1] - y[0]) * (x[x.length - 1] - x[0]) >= 0;
  if (x[point] > middle) return rising ? "top left" : "bottom left";
  return rising ? "bottom right" : "top right";
}

function around(values) {
  if (!values.length) return {};
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = high > low ? (high - low) * 0.15 : Math.abs(high) * 0.2 || 1;
  return { range: [low - room, high + room], zeroline: false };
}

function drawLag() {
  const run = data.runs[chosen("lag-run")];
  const name = option("lag-latency");
  const values = run.lags[name] || data.recordings.map(() => null);
  const order = values.map((_, number) => number);
  if (chosen("lag-order") === 1) {
    const lag = (number) => (values[number] === null ? -Infinity : values[number]);
    order.sort((one, other) => (lag(one) < lag(other) ? 1 : lag(one) > lag(other) ? -1 : 0));
  }
  const bars = {
    type: "bar",
    x: order.map((_, number) => number + 1),
    y: order.map((number) => values[number]),
    customdata: order,
    hovertext: order.map((number) =>
      values[number] === null
        ? ""
        : `${wrapped(data.recordings[number].id)}<br>${valued(name, values[number])}`,
    ),
    hoverinfo: "text",
    marker: { color: colour("text") },
  };
  const mean = run.scores[name];
  const line = { color: colour("speech"), dash: "dash", width: 1.5 };
  const shape = { type: "line", xref: "paper", x0: 0, x1: 1, y0: mean, y1: mean, line };
  draw("lag", [bars], {
    xaxis: axis(chosen("lag-order") === 1 ? "recordings, largest first" : "recordings", {
      range: [0.4, order.length + 0.6],
      showgrid: false,
      ...(order.length > 20 ? {} : { dtick: order.length > 10 ? 2 : 1, tick0: 1 }),
    }),
    yaxis: axis(named(name)),
    shapes: Number.isFinite(mean) ? [shape] : [],
  });
  drawSpread(run.histograms[name], name);
}

function drawSpread(histogram, name) {
  const { start, width, counts } = histogram || { start: 0, width: 1, counts: [] };
  const from = counts.map((_, bar) => start + bar * width);
  const shown = (value) => String(Number(value.toPrecision(6)));
  const bars = {
    type: "bar",
    x: from.map((value) => value + width / 2),
    width: from.map(() => width * 0.95),
    y: counts,
    hovertext: from.map(
      (value, bar) => `${counts[bar]} from ${shown(value)} to ${shown(value + width)}`,
    ),
    hoverinfo: "text",
    marker: { color: colour("source") },
  };
  draw("spread", [bars], {
    xaxis: axis(named(name), { nticks: 5 }),
    yaxis: axis("recordings", {
      rangemode: "tozero",
      ...(Math.max(0, ...counts) > 5 ? { nticks: 6 } : { dtick: 1 }),
    }),
  });
}
