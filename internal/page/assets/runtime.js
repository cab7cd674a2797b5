// Charts of the process and of Go's runtime: those that the collected series
// make possible.
import { duration, element, times } from "./format.js";
import { later, lines, remove } from "./charts.js";

const colors = ["line", "p50", "p99", "amber", "target"];

// Each panel lists metrics; every series of theirs becomes a line, a spread its
// p99.
const panels = [
  { title: "CPU", about: "share of the CPUs available", unit: "1", metrics: ["process.cpu.utilization"] },
  { title: "Memory", unit: "By", metrics: ["process.memory.usage", "go.memory.used", "go.memory.gc.goal"] },
  { title: "Goroutines and threads", unit: "", metrics: ["go.goroutine.count", "process.thread.count"] },
  { title: "Allocation", unit: "By/s", metrics: ["go.memory.allocated"] },
  { title: "Garbage collection pauses", about: "p99", unit: "s", metrics: ["go.memory.gc.pause.duration"] },
  { title: "Waiting for a CPU", about: "goroutines, p50 and p99", unit: "s", metrics: ["go.schedule.duration"], both: true },
  { title: "Garbage collections", about: "per second", unit: "1/s", metrics: ["go.memory.gc.cycles"] },
  { title: "Open files", unit: "", metrics: ["process.unix.file_descriptor.count", "process.windows.handle.count"] },
  { title: "Calls in flight", unit: "", metrics: ["http.server.active_requests", "otelperf.operation.active", "http.client.active_requests", "otelperf.http.server.streams"] },
];

const short = {
  "process.memory.usage": "resident", "go.memory.used": "Go", "go.memory.gc.goal": "next collection at",
  "go.goroutine.count": "goroutines", "process.thread.count": "threads", "go.memory.allocated": "allocated",
  "go.memory.gc.pause.duration": "pause", "go.schedule.duration": "wait", "go.memory.gc.cycles": "collections",
  "process.unix.file_descriptor.count": "descriptors", "process.windows.handle.count": "handles",
  "process.cpu.utilization": "CPU", "http.server.active_requests": "HTTP requests", "otelperf.operation.active": "operation",
  "http.client.active_requests": "HTTP calls", "otelperf.http.server.streams": "streams",
};

function label(s) {
  const values = Object.values(s.group || {}).join(" ");
  return (short[s.metric] || s.metric) + (values ? " " + values : "");
}

export async function runtime(place, o, range, get) {
  const wanted = panels
    .map((p) => ({ ...p, series: p.metrics.flatMap((m) => o.numbers.filter((s) => s.metric === m)).slice(0, 5) }))
    .filter((p) => p.series.length);
  const ids = wanted.flatMap((p) => p.series.map((s) => s.id));
  const byID = new Map();
  let from = o.from, to = o.now;
  for (let i = 0; i < ids.length; i += 32) {
    const answer = await get("api/chart?columns=240&range=" + range + ids.slice(i, i + 32).map((id) => "&id=" + id).join(""));
    answer.charts.forEach((c) => byID.set(c.id, c));
    ({ from, to } = answer);
  }
  while (place.children.length > wanted.length) {
    const extra = place.lastElementChild, chart = extra.querySelector(".chart");
    if (chart) remove(chart);
    extra.remove();
  }
  while (place.children.length < wanted.length) place.append(element("figure", "panel"));
  wanted.forEach((p, i) => {
    const charts = p.series.map((s) => byID.get(s.id)).filter(Boolean);
    if (!charts.length) return;
    // The series of one collection have one time each; those that were not
    // there at a time have a hole.
    const all = [...new Set(charts.flatMap((c) => times(c.t)))].sort((a, b) => a - b);
    const where = new Map(all.map((t, n) => [t, n]));
    const column = (c, values) => {
      const out = new Array(all.length).fill(null);
      times(c.t).forEach((t, n) => { out[where.get(t)] = values[n]; });
      return out;
    };
    const series = charts.flatMap((c, n) => {
      if (c.kind !== "spread") return [{ label: label(c), values: column(c, c.value), color: colors[n % colors.length], fill: charts.length === 1 }];
      const worst = { label: label(c) + " p99", values: column(c, c.p99), color: "p99" };
      return p.both ? [{ label: label(c) + " p50", values: column(c, c.p50), color: "p50" }, worst] : [worst];
    });
    const step = charts[0].step, panel = place.children[i];
    later(panel, () => lines(panel, { title: p.title, about: [p.about, step && "worst of each " + duration(step)].filter(Boolean).join(" · "),
      t: all, series, unit: p.unit, from: from / 1000, to: to / 1000, height: 120, sync: "runtime" }));
  });
}
