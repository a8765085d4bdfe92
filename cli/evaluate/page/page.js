"use strict";
// What stands below the timeline, and what happens when something is chosen. Uses what
// plots.js and timeline.js have.

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

function fillTexts(recording, made) {
  const list = byId("timeline-texts");
  const said = [
    ["Source", recording.source_text],
    ["Reference", recording.reference],
    ["Text", made && made.text],
    ["Transcript of the speech", made && made.transcript],
    ["Failed", made && made.error],
  ];
  list.replaceChildren();
  for (const [name, text] of said) {
    if (!text) continue;
    element("dt", name, list);
    element("dd", text, list).dir = "auto";
  }
}

function fillNote(recording, made) {
  const parts = [`${seconds(recording.source_ms)} s of sound`];
  if (!recording.peaks.length) parts.push("the recording could not be read");
  if (!made) parts.push("this run has nothing of it");
  if (made && made.moments > made.pieces.length)
    parts.push(`text was written ${made.moments} times, drawn in ${made.pieces.length} pieces`);
  if (made && made.chunks > made.speech.length)
    parts.push(`${made.chunks} chunks of speech, drawn in ${made.speech.length} pieces`);
  byId("timeline-note").textContent = `${parts.join("; ")}.`;
}

function fillTable(made) {
  const box = byId("timeline-table");
  box.replaceChildren();
  if (!made) return;
  const written = made.pieces.map((piece) => [
    seconds(piece.delay_ms),
    seconds(piece.elapsed_ms),
    piece.text,
  ]);
  const spoken = made.speech.map(([start, duration], chunk) => [
    `${seconds(start)} to ${seconds(start + duration)}`,
    `${seconds(made.speech_elapsed[chunk][0])} to ` +
      seconds(made.speech_elapsed[chunk][0] + made.speech_elapsed[chunk][1]),
  ]);
  addTable(box, "text", ["after, s", "with computing, s", "text"], written);
  addTable(box, "speech", ["from, s", "with computing, s"], spoken);
}

function addTable(box, title, heads, rows) {
  if (!rows.length) return;
  const table = element("table", "", box);
  element("caption", title, table);
  const head = element("tr", "", element("thead", "", table));
  for (const text of heads) element("th", text, head).scope = "col";
  const body = element("tbody", "", table);
  for (const row of rows) {
    const line = element("tr", "", body);
    for (const text of row) element("td", text, line).dir = "auto";
  }
}

function showRecording() {
  range = null;
  const recording = data.recordings[chosen("timeline-recording")];
  const made = data.runs[chosen("timeline-run")].made[chosen("timeline-recording")];
  drawTimeline();
  fillNote(recording, made);
  fillTexts(recording, made);
  fillTable(made);
}

// #utterance=3&run=1 chooses the recording with this index, and the second run.
function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const recording = place.get(Number(wanted.get("utterance") || NaN));
  const run = Number(wanted.get("run") || NaN);
  if (recording !== undefined) byId("timeline-recording").value = String(recording);
  if (byId("timeline-run") && data.runs[run]) byId("timeline-run").value = String(run);
  return recording !== undefined;
}

function writeAddress() {
  const wanted = new URLSearchParams();
  wanted.set("utterance", data.recordings[chosen("timeline-recording")].index);
  if (byId("timeline-run")) wanted.set("run", chosen("timeline-run"));
  history.replaceState(null, "", `#${wanted}`);
}

function onChange(ids, act) {
  for (const id of ids) if (byId(id)) byId(id).addEventListener("change", act);
}

function drawAll() {
  if (byId("balance")) drawBalance();
  if (byId("lag")) drawLag();
  if (byId("timeline")) drawTimeline();
}

function wireTimeline() {
  onChange(["timeline-run", "timeline-recording"], () => {
    showRecording();
    writeAddress();
  });
  addEventListener("hashchange", () => readAddress() && showRecording());
  readAddress();
  showRecording();
  byId("timeline").on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => key.startsWith("xaxis.") || key === "autosize")) return;
    if (!change.autosize) range = [...byId("timeline").layout.xaxis.range];
    drawTimeline();
  });
  byId("timeline").on("plotly_doubleclick", () => {
    range = null;
    drawTimeline();
  });
}

function wireLag() {
  onChange(["lag-run", "lag-latency", "lag-order"], drawLag);
  drawLag();
  byId("lag").on("plotly_click", (event) => {
    byId("timeline-recording").value = String(event.points[0].customdata);
    if (byId("timeline-run")) byId("timeline-run").value = String(chosen("lag-run"));
    showRecording();
    writeAddress();
    byId("timeline-recording").focus();
  });
}

function start() {
  for (const hint of document.querySelectorAll(".plot noscript")) hint.remove();
  onChange(["balance-quality", "balance-latency"], drawBalance);
  if (byId("balance")) drawBalance();
  if (byId("lag")) wireLag();
  if (byId("timeline")) wireTimeline();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // Paper is white and narrow, whatever the screen is.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    drawAll();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    drawAll();
    for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(plot);
  });
}

start();
