"use strict";
// Draws the timeline of one recording. Uses what plots.js has.
const MOST_ROWS = 7;
const ROW_PX = 26;
const HEAD_PX = 22;

// Which row each piece of text is written on, and what of it fits. What has no label gets a space:
// Plotly removes the place of an empty one for good.
function labels(written, rows, range, width) {
  const scale = width / (range[1] - range[0]);
  const inside = (piece) =>
    piece.delay_ms / 1000 >= range[0] && piece.delay_ms / 1000 <= range[1];
  const visible = written.filter(inside).length;
  const room = Math.min(0.6 * width, Math.max(80, (0.8 * rows * width) / Math.max(1, visible)));
  const ends = new Array(rows).fill(-Infinity);
  return written.map((piece) => {
    const at = (piece.delay_ms / 1000 - range[0]) * scale;
    if (!inside(piece)) return { row: rows - 1, text: " ", side: "top right" };
    const text = clipped(piece.text, Math.min(room, Math.max(at, width - at) - 16));
    const needed = widthOf(text) + 16;
    const leftwards = at + needed > width;
    const from = leftwards ? at - needed : at;
    const row = ends.findIndex((end) => end <= from);
    if (row < 0) return { row: rows - 1, text: " ", side: "top right" };
    ends[row] = from + needed;
    return { row, text: forPlot(text), side: leftwards ? "top left" : "top right" };
  });
}

function sourceTraces(recording) {
  const end = recording.source_ms / 1000;
  const whole = {
    x: [0, end / 2, end],
    y: [0, 0, 0],
    mode: "lines",
    line: { color: colour("source"), width: 1 },
    hovertext: `0.00 to ${end.toFixed(2)} s`,
    hoverinfo: "text",
  };
  if (!recording.peaks.length) return [whole];
  const x = recording.peaks.map((_, bucket) => ((bucket + 0.5) * recording.bucket_ms) / 1000);
  const edge = (sign) => ({
    x,
    y: recording.peaks.map((peak) => sign * peak),
    mode: "lines",
    line: { color: colour("source"), width: 1 },
    hoverinfo: "skip",
  });
  return [whole, edge(1), { ...edge(-1), fill: "tonexty", fillcolor: colour("source") }];
}

function textTraces(written, rows, range, width) {
  const places = labels(written, rows, range, width);
  const said = written.map(
    (piece) =>
      `after ${seconds(piece.delay_ms)} s, with computing ${seconds(piece.elapsed_ms)} s<br>` +
      wrapped(piece.text),
  );
  const late = written.flatMap((piece, number) =>
    piece.elapsed_ms - piece.delay_ms > 1 ? [number] : [],
  );
  const faint = {
    x: late.flatMap((n) => [written[n].delay_ms / 1000, written[n].elapsed_ms / 1000, null]),
    y: late.flatMap((n) => [-places[n].row, -places[n].row, null]),
    hovertext: late.flatMap((n) => ["", said[n], ""]),
    hoverinfo: "text",
    mode: "lines+markers",
    opacity: 0.45,
    line: { color: colour("text"), width: 1, dash: "dot" },
    marker: { color: colour("text"), size: 7, symbol: "circle-open" },
    yaxis: "y2",
  };
  const solid = {
    x: written.map((piece) => piece.delay_ms / 1000),
    y: places.map((each) => -each.row),
    text: places.map((each) => each.text),
    textposition: places.map((each) => each.side),
    hovertext: said,
    hoverinfo: "text",
    mode: "markers+text",
    marker: { color: colour("text"), size: 8 },
    yaxis: "y2",
  };
  return [faint, solid];
}

function speechTrace(intervals, row, opacity, what) {
  return {
    type: "bar",
    orientation: "h",
    base: intervals.map(([start]) => start / 1000),
    x: intervals.map(([, duration]) => duration / 1000),
    y: intervals.map(() => row),
    width: 0.7,
    opacity,
    hovertext: intervals.map(
      ([start, duration]) => `${what}${seconds(start)} to ${seconds(start + duration)} s`,
    ),
    hoverinfo: "text",
    marker: { color: colour("speech"), line: { color: colour("paper"), width: 1 } },
    yaxis: "y3",
  };
}

let range = null;
function drawTimeline() {
  const recording = data.recordings[chosen("timeline-recording")];
  const made = data.runs[chosen("timeline-run")].made[chosen("timeline-recording")];
  const written = made ? made.pieces : [];
  const late = made ? made.speech_elapsed : [];
  const speech = made ? made.speech : [];
  const ends = [recording.source_ms, ...written.map((piece) => piece.elapsed_ms)];
  ends.push(...[...speech, ...late].map(([start, duration]) => start + duration));
  const end = Math.max(1, ends.reduce((one, other) => Math.max(one, other), 0)) / 1000;
  const shown = range || [-0.01 * end, 1.02 * end];
  const rows = Math.min(MOST_ROWS, Math.max(2, written.length));
  const width = Math.max(200, widthOfPlot("timeline") - 32);
  const differs = speech.some(([start], chunk) => Math.abs(start - late[chunk][0]) > 1);
  const lanes = [["source", 90, `source: ${recording.source_text}`]];
  if (made && made.text !== null) lanes.push(["text", rows * ROW_PX, "text written"]);
  if (speech.length) lanes.push(["speech", differs ? 64 : 36, "speech"]);
  const traces = [
    ...sourceTraces(recording),
    ...textTraces(written, rows, shown, width),
    ...(speech.length ? [speechTrace(speech, 0, 1, "")] : []),
    ...(differs ? [speechTrace(late, -1, 0.45, "with computing ")] : []),
  ];
  draw("timeline", traces, timelineLayout(recording, lanes, rows, shown, width, differs));
  byId("timeline").setAttribute("aria-label", `Timeline of ${recording.id}`);
}

function timelineLayout(recording, lanes, rows, shown, width, differs) {
  const total = lanes.reduce((sum, lane) => sum + lane[1] + HEAD_PX, 0);
  const peak = recording.peaks.reduce((one, other) => Math.max(one, other), 1) * 1.05;
  const ranges = {
    source: ["yaxis", [-peak, peak]],
    text: ["yaxis2", [-rows + 0.6, 0.8]],
    speech: ["yaxis3", differs ? [-1.5, 0.5] : [-0.5, 0.5]],
  };
  const layout = {
    height: total + 64,
    margin: { l: 16, r: 16, t: 4, b: 48 },
    barmode: "overlay",
    hovermode: "closest",
    annotations: [],
    xaxis: axis("seconds of the recording", { range: shown, anchor: "free", position: 0 }),
    shapes: [sourceShape(recording), endShape(recording)],
  };
  let top = total;
  for (const [name, height, title] of lanes) {
    layout.annotations.push({
      text: forPlot(clipped(title.replace(/: $/, ""), width - 44)),
      font: { color: colour(name), size: 12 },
      showarrow: false,
      xref: "paper",
      yref: "paper",
      x: 0,
      y: top / total,
      xanchor: "left",
      yanchor: "top",
    });
    layout[ranges[name][0]] = {
      visible: false,
      fixedrange: true,
      range: ranges[name][1],
      domain: [(top - HEAD_PX - height) / total, (top - HEAD_PX) / total],
    };
    top -= height + HEAD_PX;
  }
  return layout;
}

function sourceShape(recording) {
  return {
    type: "rect",
    xref: "x",
    yref: "y domain",
    x0: 0,
    x1: recording.source_ms / 1000,
    y0: 0,
    y1: 1,
    fillcolor: colour("source"),
    opacity: 0.18,
    line: { width: 0 },
    layer: "below",
  };
}

function endShape(recording) {
  const at = recording.source_ms / 1000;
  const line = { color: colour("source"), width: 1, dash: "dot" };
  return { type: "line", xref: "x", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line };
}
