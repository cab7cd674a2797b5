// What is selected, at length.
import { duration, element, group, times, value, whole } from "./format.js";
import { heatmap, lines, remove } from "./charts.js";

const words = { operation: "operation", route: "HTTP route", client: "calls to" };

export async function detail(state, get) {
  const section = document.getElementById("detail-section");
  const o = state.overview;
  const baseline = o.baselines.find((b) => b.id === state.selected);
  const called = baseline ? subject(o, baseline) : o.timed.find((t) => t.id === state.selected);
  section.hidden = !baseline && !called;
  if (section.hidden) return;
  const query = "?range=" + state.range + [baseline, called].filter(Boolean).map((x) => "&id=" + x.id).join("");
  const id = state.selected;
  const [{ charts, from, to }, heat] = await Promise.all([
    get("api/chart" + query), called ? get("api/heat?range=" + state.range + "&id=" + called.id) : null,
  ]);
  if (id !== state.selected) return; // the reader went on
  const span = { from: from / 1000, to: to / 1000 };
  const judged = baseline && charts.find((c) => c.id === baseline.id), timed = called && charts.find((c) => c.id === called.id);
  const name = document.getElementById("detail-name"), about = document.getElementById("detail-about");
  const draw = [];
  if (baseline) {
    name.textContent = baseline.name;
    about.textContent = [baseline.statistic + " of " + baseline.metric, group(baseline.group),
      baseline.threshold === null ? "observed, not judged" : whole("alerts " + (baseline.direction === "lower" ? "below " : "above ") + value(baseline.threshold, baseline.unit))].filter(Boolean).join(" · ");
    if (judged) draw.push((panel) => values(panel, baseline, judged, span));
  } else {
    name.textContent = called.name;
    about.textContent = words[called.kind] + " · " + called.metric;
  }
  if (timed) {
    const marks = baseline ? targets(baseline) : levels(o, called);
    if (!baseline) draw.push((panel) => latency(panel, timed, marks, span));
    draw.push((panel) => calls(panel, timed, span), (panel) => spread(panel, heat, marks, o, span));
  }
  const place = document.getElementById("detail");
  fit(place, draw.length);
  place.classList.toggle("single", draw.length === 1);
  draw.forEach((f, i) => f(place.children[i]));
}

// fit makes as many panels as are needed.
function fit(place, n) {
  while (place.children.length > n) {
    const extra = place.lastElementChild, chart = extra.querySelector(".chart");
    if (chart) remove(chart);
    extra.remove();
  }
  while (place.children.length < n) place.append(element("figure", "panel"));
}

function each(c) { return c.step ? "worst interval of each " + duration(c.step) : "each interval"; }

function values(panel, b, c, span) {
  const marks = [];
  if (b.target !== null) marks.push({ at: b.target, label: "target " + value(b.target, b.unit), color: "target", below: b.direction !== "lower" && b.threshold !== b.target });
  if (b.threshold !== null && b.threshold !== b.target) marks.push({ at: b.threshold, label: "alert " + value(b.threshold, b.unit), color: "bad", below: b.direction === "lower" });
  lines(panel, { title: "Value", about: each(c), t: times(c.t), unit: b.unit, marks, sync: "detail", ...span,
    series: [{ label: b.statistic, values: c.value, color: b.state === "firing" ? "bad" : "line", fill: true }] });
}

function latency(panel, c, marks, span) {
  lines(panel, { title: "Latency", about: each(c), t: times(c.t), unit: c.unit, sync: "detail", marks, ...span, series: [
    { label: "p50", values: c.p50, color: "p50" }, { label: "p95", values: c.p95, color: "p95" }, { label: "p99", values: c.p99, color: "p99" },
  ] });
}

function calls(panel, c, span) {
  const failed = c.rate.map((r, i) => r === null ? null : r * (c.errors[i] || 0));
  lines(panel, { title: "Calls and failures", about: "per second", t: times(c.t), unit: "1/s", sync: "detail", ...span, series: [
    { label: "calls", values: c.rate, color: "line", fill: true }, { label: "failed", values: failed, color: "bad", fill: true },
  ] });
}

function spread(panel, heat, marks, o, span) {
  if (!heat.t.length) {
    const old = panel.querySelector(".chart");
    if (old) remove(old);
    panel.replaceChildren(element("p", "empty", "No heat map: the histogram has no buckets, or nothing was measured."));
    return;
  }
  heatmap(panel, {
    title: "Where latencies lie", about: "calls by duration", t: times(heat.t), step: (heat.step || o.interval) / 1000,
    bounds: heat.bounds, counts: heat.counts, unit: heat.unit, marks, sync: "detail", ...span,
  });
}

// subject is the operation or route that a baseline is about, where that can be
// told from its name or group.
function subject(o, b) {
  const route = (b.group || {})["http.route"], host = (b.group || {})["server.address"];
  const operation = (b.group || {})["otelperf.operation.name"] || b.name.replace(/_(ms|qps|error_percent)$/, "");
  return o.timed.find((t) => t.metric === b.metric && t.name === (t.kind === "operation" ? operation : t.kind === "route" ? route : host));
}

function targets(b) {
  if (b.target === null || b.unit !== "ms" || !/^p\d/.test(b.statistic)) return [];
  return [{ at: b.target / 1000, label: b.statistic + " target " + value(b.target, b.unit), color: "target" }];
}

// levels are the targets that a quantile of this operation or route is held to.
function levels(o, called) {
  return o.baselines.filter((b) => subject(o, b)?.id === called.id).flatMap(targets).slice(0, 1);
}
