// Charts by uPlot: sparklines, lines over time, heat maps.
import { element, value } from "./format.js";

const uPlot = window.uPlot;
const styles = getComputedStyle(document.documentElement);

export function color(name) { return styles.getPropertyValue("--" + name).trim(); }

// Everything drawn, so that it can follow the size of its place and the colours.
const drawn = new Map();

const resize = new ResizeObserver((entries) => {
  for (const e of entries) {
    const chart = drawn.get(e.target);
    const width = Math.floor(e.contentRect.width);
    if (chart && width > 0 && width !== chart.width) chart.setSize({ width, height: chart.height });
  }
});

function put(place, options, data) {
  remove(place);
  const chart = new uPlot({ ...options, width: Math.max(20, Math.floor(place.clientWidth || options.width)) }, data, place);
  drawn.set(place, chart);
  resize.observe(place);
  return chart;
}

export function remove(place) {
  const old = drawn.get(place);
  if (!old) return;
  resize.unobserve(place);
  old.destroy();
  drawn.delete(place);
}

// later draws in the time that is left of a frame: many charts at once would be
// felt. Of several drawings for one place only the last is made.
const queue = new Map();
export function later(place, draw) {
  if (queue.size === 0) requestAnimationFrame(work);
  queue.set(place, draw);
}

// idle is done as soon as everything is drawn.
export function idle() {
  return new Promise((done) => {
    const look = () => queue.size === 0 ? done() : requestAnimationFrame(look);
    look();
  });
}

function work() {
  const begin = performance.now();
  try {
    for (const [place, draw] of queue) {
      queue.delete(place);
      if (place.isConnected) draw();
      if (performance.now() - begin > 8) break;
    }
  } finally { // a drawing that fails must not keep the others from being made
    if (queue.size > 0) requestAnimationFrame(work);
  }
}

// sparkline draws values with the target and the level that alerts.
export function sparkline(place, data, { from, to, target, threshold, lower, bad }) {
  const [t, v] = data;
  const stroke = color(bad ? "bad" : "line");
  const known = drawn.get(place);
  const key = [bad, target, threshold].join();
  const x = [from, ...t, to];
  const pad = (a) => [null, ...a, null];
  const line = (y) => [y, ...new Array(t.length).fill(y), y];
  const columns = [x, pad(v), line(target ?? null), line(threshold ?? null)];
  if (known && place.dataset.key === key) {
    known.setData(columns);
    return;
  }
  place.dataset.key = key;
  const range = (u, min, max) => {
    let low = Math.min(min ?? Infinity, target ?? Infinity, threshold ?? Infinity);
    let high = Math.max(max ?? -Infinity, target ?? -Infinity, threshold ?? -Infinity);
    if (!Number.isFinite(low)) return [0, 1];
    if (low > 0 && (low < high / 2 || target === undefined)) low = 0;
    const space = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    return [low === 0 ? 0 : low - space, high + space];
  };
  put(place, {
    width: 200, height: 34, padding: [3, 2, 3, 2],
    legend: { show: false }, cursor: { show: false }, select: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: true }, y: { range } },
    series: [
      {},
      { stroke, width: 1.5, fill: stroke + "22", points: { show: (u) => u.data[1].filter((y) => y !== null).length < 3, size: 4, fill: stroke }, spanGaps: false, fillTo: (u) => lower ? u.scales.y.max : u.scales.y.min },
      { stroke: color("target"), width: 1, dash: [4, 3], points: { show: false } },
      { stroke: color("threshold"), width: 1, dash: [1, 3], points: { show: false } },
    ],
  }, columns);
}

// lines draws several values over one time, with a legend that follows the
// cursor and can be read without one.
export function lines(place, { title, about, t, series, unit, from, to, marks = [], height = 190, sync }) {
  const head = element("div", "chart-head");
  const name = element("h3", "", title);
  head.append(name);
  if (about) head.append(element("span", "muted", about));
  const legend = element("ul", "legend");
  const cells = series.map((s) => {
    const item = element("li");
    const swatch = element("span", "swatch " + s.color);
    swatch.setAttribute("aria-hidden", "true");
    const number = element("span", "legend-value");
    item.append(swatch, element("span", "", s.label), number);
    legend.append(item);
    return number;
  });
  const write = (i) => series.forEach((s, n) => { cells[n].textContent = value(i === null ? last(s.values) : s.values[i], s.unit || unit); });
  write(null);
  const canvas = element("div", "chart");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title + ": " + series.map((s) => s.label + " " + value(last(s.values), s.unit || unit)).join(", ") + " at last");
  remove(place.querySelector(".chart") || place);
  place.replaceChildren(head, legend, canvas);
  const grid = color("grid"), ink = color("muted");
  const all = series.flatMap((s) => s.values).filter((v) => v !== null);
  const top = Math.max(...all, ...marks.map((m) => m.at), 0);
  const low = Math.min(...all, 0);
  put(canvas, {
    width: 400, height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, sync: sync ? { key: sync } : undefined, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => [from, to] },
      y: { range: () => [low < 0 ? low * 1.08 : 0, top > 0 ? top * 1.08 : 1] },
    },
    axes: [
      timeAxis(ink, grid, from, to),
      valueAxis(ink, grid, unit),
    ],
    series: [{}, ...series.map((s) => ({
      stroke: color(s.color), width: s.width || 1.6, fill: s.fill ? color(s.color) + "26" : undefined,
      points: { show: few(s.values), size: 5, fill: color(s.color) }, spanGaps: false,
    }))],
    hooks: {
      setCursor: [(u) => write(u.cursor.idx ?? null)],
      draw: [(u) => marks.forEach((m) => mark(u, m))],
    },
  }, [t, ...series.map((s) => s.values)]);
}

// timeAxis writes the date under the time only where days change in sight.
function timeAxis(ink, grid, from, to) {
  const days = new Date(from * 1000).toDateString() !== new Date(to * 1000).toDateString();
  const date = days ? "\n{MMM} {D}" : null;
  const row = (size, format) => [size, format, null, null, date, null, null, null, 1];
  return {
    stroke: ink, grid: grid ? { stroke: grid, width: 1 } : { show: false }, ticks: { show: false }, font: "11px system-ui", size: days ? 38 : 24,
    values: [row(86400, "{MMM} {D}"), row(3600, "{HH}:{mm}"), row(60, "{HH}:{mm}"), row(1, "{HH}:{mm}:{ss}"), row(0.001, "{HH}:{mm}:{ss}")],
  };
}

// Steps of an axis of bytes: round numbers of KiB, MiB, GiB.
const binary = [];
for (let e = 0; e < 50; e += 10) for (const n of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) binary.push(n * 2 ** e);

function valueAxis(ink, grid, unit) {
  return {
    stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 66, gap: 4,
    values: (u, splits) => splits.map((v) => value(v, unit)),
    ...(unit.startsWith("By") ? { incrs: binary } : {}),
  };
}

function few(values) { return values.filter((v) => v !== null).length < 3; }

function last(values) {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return values[i];
  return null;
}

// mark draws a level with its name.
function mark(u, { at, label, color: name, below }) {
  if (at === null || at === undefined) return;
  const y = u.valToPos(at, "y", true);
  const { left, width, top, height } = u.bbox;
  if (y < top || y > top + height) return;
  const c = u.ctx, ratio = devicePixelRatio;
  c.save();
  c.strokeStyle = c.fillStyle = color(name);
  c.lineWidth = ratio;
  c.setLineDash([5 * ratio, 4 * ratio]);
  c.beginPath();
  c.moveTo(left, y);
  c.lineTo(left + width, y);
  c.stroke();
  if (!label) {
    c.restore();
    return;
  }
  c.font = 11 * ratio + "px system-ui";
  c.textAlign = "right";
  c.textBaseline = below || y - top < 16 * ratio ? "top" : "bottom";
  const end = left + width - 4 * ratio, at_ = y + (c.textBaseline === "top" ? 3 : -3) * ratio, wide = c.measureText(label).width;
  c.globalAlpha = 0.8;
  c.fillStyle = color("card");
  c.fillRect(end - wide - 3 * ratio, c.textBaseline === "top" ? at_ - ratio : at_ - 12 * ratio, wide + 6 * ratio, 13 * ratio);
  c.globalAlpha = 1;
  c.fillStyle = color(name);
  c.fillText(label, end, at_);
  c.restore();
}

// heatmap draws how many measurements fell into each band at each time. The
// bands have equal heights, whatever their width, as latencies span decades.
export function heatmap(place, { title, about, t, step, bounds, counts, unit, from, to, marks = [], sync }) {
  const head = element("div", "chart-head");
  head.append(element("h3", "", title), element("span", "muted", about));
  // The levels are named here: a label in the plot would lie over cells.
  const shown = marks.filter((m) => m.at > 0);
  const read = element("p", "heat-read muted");
  const hint = element("span", "", "the stronger the colour, the more calls");
  read.append(hint, ...shown.map((m) => element("span", "level " + m.color, m.label)));
  const canvas = element("div", "chart");
  canvas.setAttribute("role", "img");
  remove(place.querySelector(".chart") || place);
  place.replaceChildren(head, read, canvas);
  const bands = bounds.length + 1;
  const most = Math.max(1, ...counts.flat());
  canvas.setAttribute("aria-label", title + ", " + t.length + " times and " + bands + " bands; " + busiest(bounds, counts, unit));
  const base = color("heat"), grid = color("grid"), ink = color("muted");
  const edges = bounds.map((b, i) => i + 1);
  // Between the bounds positions are told by the logarithm.
  const position = (v) => {
    const i = bounds.findIndex((b) => v <= b);
    if (i < 0 || i === 0 && v !== bounds[0]) return null; // out of sight
    if (i === 0) return 1;
    return i + Math.log(v / bounds[i - 1]) / Math.log(bounds[i] / bounds[i - 1]);
  };
  put(canvas, {
    width: 400, height: 230, padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { points: { show: false }, sync: sync ? { key: sync } : undefined, drag: { x: false, y: false } },
    scales: { x: { time: true, range: () => [from, to] }, y: { range: () => [0, bands] } },
    axes: [
      timeAxis(ink, null, from, to),
      { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 66, gap: 4,
        splits: () => thin(edges, 9), values: (u, splits) => splits.map((s) => value(bounds[s - 1], unit)) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      drawClear: [(u) => cells(u, t, step, counts, most, base)],
      draw: [(u) => shown.forEach((m) => mark(u, { ...m, at: position(m.at), label: "", color: "ink" }))],
      setCursor: [(u) => {
        const { left, top } = u.cursor;
        if (left === null || left < 0) return;
        const x = u.posToVal(left, "x"), band = Math.floor(u.posToVal(top, "y"));
        const i = t.findIndex((end) => end >= x);
        if (i < 0 || band < 0 || band >= bands) return;
        const low = band > 0 ? value(bounds[band - 1], unit) : "0", high = band < bounds.length ? value(bounds[band], unit) : "∞";
        hint.textContent = new Date(t[i] * 1000).toLocaleTimeString() + " · " + low + " to " + high + " · about " + Math.round(counts[i][band]).toLocaleString("en") + " calls";
      }],
    },
  }, [t, t.map(() => null)]);
}

function busiest(bounds, counts, unit) {
  const sums = new Array(bounds.length + 1).fill(0);
  counts.forEach((c) => c.forEach((n, i) => { sums[i] += n; }));
  const i = sums.indexOf(Math.max(...sums));
  return "most calls took " + (i > 0 ? value(bounds[i - 1], unit) : "0") + " to " + (i < bounds.length ? value(bounds[i], unit) : "more");
}

function thin(edges, most) {
  const every = Math.ceil(edges.length / most);
  return edges.filter((e, i) => i % every === 0);
}

// cells fills the heat map, on a logarithmic scale of counts: one slow call
// among thousands must be seen.
function cells(u, t, step, counts, most, base) {
  const c = u.ctx;
  c.save();
  c.beginPath();
  c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  c.clip();
  c.fillStyle = base;
  const full = Math.log1p(most);
  for (let i = 0; i < t.length; i++) {
    const begin = Math.max(t[i] - step, i > 0 ? t[i - 1] : -Infinity);
    const left = Math.round(u.valToPos(begin, "x", true)), right = Math.round(u.valToPos(t[i], "x", true));
    for (let b = 0; b < counts[i].length; b++) {
      if (!counts[i][b]) continue;
      const bottom = Math.round(u.valToPos(b, "y", true)), top = Math.round(u.valToPos(b + 1, "y", true));
      c.globalAlpha = 0.12 + 0.88 * Math.log1p(counts[i][b]) / full;
      c.fillRect(left, top, Math.max(1, right - left), bottom - top);
    }
  }
  c.restore();
}
