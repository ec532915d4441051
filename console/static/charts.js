// Lines over time by uPlot. A <div class="chart"> has data-values, JSON of moments [s since 1970] and the values of each
// line, and data-labels, JSON of the names of the lines; with data-interval, the last two are the ends of an interval,
// which is filled; data-time is the name of the moments. The same numbers stand in a table beside it.
"use strict";

const language = document.documentElement.lang;
const days = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const minutes = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const numbers = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });

function draw(element) {
  const values = JSON.parse(element.dataset.values);
  const labels = JSON.parse(element.dataset.labels);
  const colour = name => getComputedStyle(document.querySelector(name) ?? element).color;
  const strokes = [colour("main a"), colour("main"), colour("thead th")];
  const axis = { stroke: strokes[1], grid: { stroke: strokes[2], width: 0.25 }, ticks: { stroke: strokes[2] } };
  const lines = labels.map((label, number) => ({
    label,
    stroke: strokes[number % strokes.length],
    width: 2,
    dash: number ? [6, 4 * number] : [],
    points: { show: true },
  }));
  const bands = [];
  if ("interval" in element.dataset) {
    for (const end of lines.slice(-2)) Object.assign(end, { width: 1, points: { show: false } });
    bands.push({ series: [lines.length, lines.length - 1], fill: "rgb(127 127 127 / 0.2)" });
  }
  const dates = (_, moments, __, ___, step) =>
    moments.map(moment => (step < 86400 ? minutes : days).format(1000 * moment));
  const axes = [{ ...axis, values: dates, space: 90 }, { ...axis, size: 70 }];
  const time = { value: (_, moment) => (moment === null ? "–" : minutes.format(1000 * moment)) };
  for (const line of lines) line.value = (_, value) => (value === null ? "–" : numbers.format(value));
  const options = { width: element.clientWidth, height: 240, axes, bands, series: [{ label: element.dataset.time, ...time }, ...lines] };
  const chart = new uPlot(options, values, element);
  new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: 240 })).observe(element);
}

function drawAll() {
  document.querySelectorAll(".chart:empty").forEach(draw);
}

drawAll();
document.addEventListener("htmx:after:swap", drawAll);
