// What is selected, at length.
import { duration, element, group, times, value } from "./format.js";
import { heatmap, lines, remove } from "./charts.js";

const words = { operation: "operation", route: "HTTP route", client: "calls to" };

export async function detail(state, get) {
  const section = document.getElementById("detail-section");
  const o = state.overview;
  const baseline = o.baselines.find((b) => b.id === state.selected);
  const called = o.timed.find((t) => t.id === state.selected);
  section.hidden = !baseline && !called;
  if (section.hidden) return;
  const query = "?range=" + state.range + "&id=" + state.selected;
  const place = document.getElementById("detail");
  const wanted = baseline ? 1 : 3;
  while (place.children.length > wanted) {
    const extra = place.lastElementChild;
    const chart = extra.querySelector(".chart");
    if (chart) remove(chart);
    extra.remove();
  }
  while (place.children.length < wanted) place.append(element("figure", "panel"));
  const id = state.selected;
  const [{ charts, from, to }, heat] = await Promise.all([
    get("api/chart" + query), called ? get("api/heat" + query) : null,
  ]);
  if (id !== state.selected || !charts.length) return;
  const c = charts[0], t = times(c.t), span = { from: from / 1000, to: to / 1000 };
  const each = c.step ? "worst interval of each " + duration(c.step) : "each interval";
  const name = document.getElementById("detail-name"), about = document.getElementById("detail-about");
  if (baseline) {
    name.textContent = baseline.name;
    about.textContent = [baseline.statistic + " of " + baseline.metric, group(baseline.group),
      baseline.threshold === null ? "observed, not judged" : "alerts " + (baseline.direction === "lower" ? "below " : "above ") + value(baseline.threshold, baseline.unit)].filter(Boolean).join(" · ");
    const marks = [];
    if (baseline.target !== null) marks.push({ at: baseline.target, label: "target " + value(baseline.target, baseline.unit), color: "target" });
    if (baseline.threshold !== null && baseline.threshold !== baseline.target) marks.push({ at: baseline.threshold, label: "alert " + value(baseline.threshold, baseline.unit), color: "bad" });
    lines(place.children[0], { title: "Value", about: each, t, unit: baseline.unit, marks, height: 240, ...span,
      series: [{ label: baseline.name, values: c.value, color: baseline.state === "firing" ? "bad" : "line", fill: true }] });
    place.classList.add("single");
    return;
  }
  place.classList.remove("single");
  name.textContent = called.name;
  about.textContent = words[called.kind] + " · " + called.metric;
  const marks = levels(o, called);
  lines(place.children[0], { title: "Latency", about: each, t, unit: c.unit, sync: "detail", marks, ...span, series: [
    { label: "p50", values: c.p50, color: "p50" }, { label: "p95", values: c.p95, color: "p95" }, { label: "p99", values: c.p99, color: "p99" },
  ] });
  const failed = c.rate.map((r, i) => r === null || c.errors[i] === null ? (r === null ? null : 0) : r * c.errors[i]);
  lines(place.children[1], { title: "Calls and failures", about: "per second", t, unit: "1/s", sync: "detail", ...span, series: [
    { label: "calls", values: c.rate, color: "line", fill: true }, { label: "failed", values: failed, color: "bad", fill: true },
  ] });
  if (!heat.t.length) {
    const old = place.children[2].querySelector(".chart");
    if (old) remove(old);
    place.children[2].replaceChildren(element("p", "empty", "No heat map: the histogram has no buckets, or nothing was measured."));
    return;
  }
  heatmap(place.children[2], {
    title: "Where latencies lie", about: "calls by duration", t: times(heat.t), step: (heat.step || o.interval) / 1000,
    bounds: heat.bounds, counts: heat.counts, unit: heat.unit, marks, sync: "detail", ...span,
  });
}

// levels are the targets that p95 of this operation or route is held against.
function levels(o, called) {
  const marks = [];
  for (const b of o.baselines) {
    if (b.metric !== called.metric || b.target === null || b.unit !== "ms" || !/^p\d/.test(b.statistic)) continue;
    const route = (b.group || {})["http.route"];
    const mine = called.kind === "operation" ? b.name === called.name + "_ms" : route === called.name;
    if (mine) marks.push({ at: b.target / 1000, label: b.statistic + " target " + value(b.target, b.unit), color: "target" });
  }
  return marks.slice(0, 1);
}
