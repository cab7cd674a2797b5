// How numbers, times and names are written.

const si = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
const iec = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];

// digits writes three significant digits without an exponent.
export function digits(v) {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (Number.isInteger(v) && a < 1000) return String(v);
  if (a >= 100) return Math.round(v).toLocaleString("en");
  if (a >= 10) return v.toFixed(1);
  if (a >= 1) return v.toFixed(2);
  if (a >= 0.01) return v.toFixed(3);
  return v.toPrecision(2);
}

function scaled(v, steps, rest) {
  for (const [size, name] of steps) {
    if (Math.abs(v) >= size) return digits(v / size) + " " + name;
  }
  return digits(v) + (rest ? " " + rest : "");
}

export function seconds(v) {
  const a = Math.abs(v);
  if (a === 0) return "0 s";
  if (a < 1e-6) return digits(v * 1e9) + " ns";
  if (a < 1e-3) return digits(v * 1e6) + " µs";
  if (a < 1) return digits(v * 1e3) + " ms";
  if (a < 120) return digits(v) + " s";
  return duration(v * 1000);
}

// value writes a number in its unit; a dash where there is none.
export function value(v, unit) {
  if (v === null || v === undefined || Number.isNaN(v)) return "–";
  switch (unit) {
    case "s": return seconds(v);
    case "s/s": return percent(v);
    case "By": return scaled(v, iec, "B");
    case "By/s": return scaled(v, iec, "B") + "/s";
    case "1": return percent(v);
    case "%": return digits(v) + " %";
    case "1/s": return rate(v);
    case "": return digits(v);
  }
  if (/^\{[^}]*\}\/s$/.test(unit)) return scaled(v, si, "") + " /s";
  if (unit.startsWith("{")) return scaled(v, si, "");
  return digits(v) + " " + unit;
}

export function rate(v) {
  if (v === null || v === undefined) return "–";
  return scaled(v, si, "").replace(/ $/, "") + " /s";
}

export function percent(ratio) {
  if (ratio === null || ratio === undefined) return "–";
  const p = ratio * 100;
  if (p === 0) return "0 %";
  return (Math.abs(p) < 0.1 ? p.toPrecision(1) : Math.abs(p) < 10 ? p.toFixed(1) : Math.round(p).toLocaleString("en")) + " %";
}

export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min" + (s < 600 && s % 60 ? " " + (s % 60) + " s" : "");
  if (s <= 2 * 86400) return Math.floor(s / 3600) + " h" + (Math.floor(s % 3600 / 60) ? " " + Math.floor(s % 3600 / 60) + " min" : "");
  return Math.floor(s / 86400) + " d" + (Math.floor(s % 86400 / 3600) ? " " + Math.floor(s % 86400 / 3600) + " h" : "");
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function when(ms) {
  const d = new Date(ms), today = new Date();
  if (d.toDateString() === today.toDateString()) return clock(ms);
  return d.toLocaleDateString(undefined, { month: "short", day: "numeric" }) + " " + clock(ms);
}

export function bytes(n) { return scaled(n, iec, "B"); }

// group writes attributes as text, without the common beginning of names.
export function group(g) {
  return Object.entries(g || {}).map(([k, v]) => k + "=" + v).join(" ");
}

// whole keeps a text on one line.
export function whole(s) { return s.replaceAll(" ", "\u00a0"); }

// times undoes the differences in which the server sends milliseconds, and
// returns seconds, as uPlot wants them.
export function times(deltas) {
  let t = 0;
  return deltas.map((d) => (t += d) / 1000);
}

// element makes one, with text that is never taken for markup.
export function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}
