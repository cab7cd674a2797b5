// The page: fetches, keeps what is selected, and hands the rest out.
import { clock, duration, group, value, percent, bytes, when, whole } from "./format.js";
import { baselines, names, timed } from "./tables.js";
import { detail } from "./detail.js";
import { runtime } from "./runtime.js";
import { alerts } from "./alerts.js";
import { idle } from "./charts.js";

const state = { range: 3600, selected: "", filter: "", overview: null, theme: "auto" };
const at = (id) => document.getElementById(id);

async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!response.ok) throw new Error(path + " answered " + response.status);
  return response.json();
}

// refresh fetches everything that is shown. A call while one is under way makes
// one more follow, not two run.
let busy = false, again = false, newest = "";
async function refresh(whole) {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const o = await get("api/overview?range=" + state.range);
    state.overview = o;
    if (!state.selected) state.selected = first(o);
    show(o);
    const key = [o.newest, state.range, state.selected, o.loading].join();
    if (whole || key !== newest) {
      newest = key;
      await Promise.all([
        detail(state, get),
        runtime(at("runtime"), o, state.range, get),
        alerts(at("alerts"), at("alerts-none"), o, get),
      ]);
    }
    idle().then(() => { // everything of this answer is drawn
      document.body.dataset.ready = "true";
      document.body.dataset.drawn = o.newest;
    });
  } catch (e) {
    live("bad", "no answer: " + e.message);
  } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

// first is what asks most to be looked at.
function first(o) {
  const bad = o.baselines.find((b) => b.state === "firing") || o.baselines.find((b) => b.state === "pending");
  if (bad) return bad.id;
  const busiest = [...o.timed].sort((a, b) => (b.rate || 0) - (a.rate || 0))[0];
  return (busiest || o.baselines.find((b) => b.value !== null) || { id: "" }).id;
}

function show(o) {
  const s = o.service;
  at("service").textContent = s["service.name"] || "otelperf";
  document.title = (o.baselines.some((b) => b.state === "firing") ? "▲ " : "") + at("service").textContent + " · otelperf";
  at("about").textContent = [
    s["service.version"], s["host.name"], s["process.pid"] && "pid " + s["process.pid"], s["process.runtime.version"],
    whole("collected every " + duration(o.interval)),
  ].filter(Boolean).join(" · ");
  // Beside the status and not in it: a screen reader would read each interval.
  at("newest").textContent = o.newest ? when(o.newest) : "";
  if (o.newest) at("newest").dateTime = new Date(o.newest).toISOString();
  verdict(o);
  announce(o);
  const select = (id) => {
    state.selected = id;
    remember();
    refresh(true).then(() => at("detail-section").scrollIntoView({ block: "nearest" }));
  };
  baselines(at("baseline-table"), o, state, select);
  at("baseline-none").hidden = o.baselines.length > 0;
  at("baseline-table").hidden = o.baselines.length === 0;
  for (const section of document.querySelectorAll("section[data-kind]")) {
    const rows = o.timed.filter((t) => t.kind === section.dataset.kind);
    section.hidden = rows.length === 0;
    timed(section.querySelector("table"), rows, section.dataset.kind, o, state, select);
  }
  const lost = [
    o.stats.turned && o.stats.turned + " rows over the limit of series", o.stats.unusable && o.stats.unusable + " unusable points",
    o.stats.forgotten && "older history gave way to the memory limit",
    o.stats.dropped && o.stats.dropped + " lines not written to the file", o.stats.damaged && o.stats.damaged + " damaged lines in the file",
  ].filter(Boolean);
  at("stats").textContent = o.stats.series + " series in " + bytes(o.stats.bytes) + ", kept for " + duration(o.retention * 1000) +
    (o.loading ? " · reading back the file" : "") + (lost.length ? " · " + lost.join(", ") : "");
}

// announce says aloud, to who hears the page, what has another state than before:
// at first the verdict. Values change with each interval and are not read out.
const known = new Map();
function announce(o) {
  const first = known.size === 0, changed = [];
  for (const b of o.baselines) {
    if (!first && known.get(b.id) !== b.state) {
      changed.push(b.name + (Object.keys(b.group || {}).length ? " " + group(b.group) : "") + ": " + (names[b.state] || b.state) +
        (b.state === "firing" && b.value !== null ? ", " + value(b.value, b.unit) : ""));
    }
    known.set(b.id, b.state);
  }
  if (first) at("said").textContent = at("verdict").textContent;
  else if (changed.length) at("said").textContent = changed.slice(0, 5).join(". ") + (changed.length > 5 ? ". And " + (changed.length - 5) + " more." : ".");
}

// verdict answers the first question in one sentence.
function verdict(o) {
  const bad = o.baselines.filter((b) => b.state === "firing"), soon = o.baselines.filter((b) => b.state === "pending");
  const judged = o.baselines.filter((b) => b.target !== null);
  const p = at("verdict");
  let text, kind = "good";
  if (bad.length) {
    kind = "bad";
    const worst = bad.sort((a, b) => (b.excess || 0) - (a.excess || 0))[0];
    text = (bad.length === 1 ? "" : bad.length + " baselines are worse than they should be, most of all ") + worst.name +
      (Object.keys(worst.group || {}).length ? " (" + group(worst.group) + ")" : "") +
      (worst.value === null ? " has no data" : " is " + value(worst.value, worst.unit) +
        (worst.excess === null ? "" : ", " + percent(worst.excess) + " worse than its target of " + value(worst.target, worst.unit))) +
      (worst.since ? ", since " + clock(Date.parse(worst.since)) : "") + ".";
  } else if (soon.length) {
    kind = "warn";
    text = soon.map((b) => b.name).join(", ") + (soon.length === 1 ? " is" : " are") + " over the threshold, not yet for long enough to alert.";
  } else if (!judged.length) {
    kind = "none";
    text = "Nothing is judged: no baseline has a target.";
  } else if (judged.every((b) => b.value === null)) {
    kind = "none";
    text = "Waiting for the first measurements that can be judged.";
  } else {
    const silent = judged.filter((b) => b.state === "no_data").length;
    text = "Nothing is worse than its baseline." + (silent ? " " + silent + " of " + judged.length + " have no data." : "");
  }
  if (p.textContent !== text) p.textContent = text;
  p.dataset.kind = kind;
}

function live(kind, text) {
  at("live").dataset.kind = kind;
  if (at("live-text").textContent !== text) at("live-text").textContent = text;
}

// listen follows the server's events; the browser connects again by itself.
function listen() {
  const events = new EventSource("api/events");
  events.addEventListener("hello", () => { live("good", "live"); refresh(); });
  events.addEventListener("collection", () => { live("good", "live"); if (!document.hidden) soon(); });
  events.addEventListener("error", () => {
    live("bad", "no connection, trying again");
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

// soon spaces refreshes: intervals may be a tenth of a second.
let waiting = 0, done = 0;
function soon() {
  if (waiting) return;
  waiting = setTimeout(async () => {
    waiting = 0;
    await refresh();
    done = Date.now();
  }, Math.max(0, 1000 - (Date.now() - done)));
}

function remember() {
  const hash = new URLSearchParams({ range: state.range });
  if (state.selected) hash.set("show", state.selected);
  history.replaceState(null, "", "#" + hash);
}

function theme(name) {
  state.theme = name;
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  at("theme-name").textContent = name;
  at("theme").setAttribute("aria-label", "Colours: " + name);
  try { localStorage.setItem("otelperf-theme", name); } catch { /* it is not remembered */ }
}

function start() {
  const hash = new URLSearchParams(location.hash.slice(1));
  if ([900, 3600, 21600, 86400].includes(Number(hash.get("range")))) state.range = Number(hash.get("range"));
  if (/^[0-9a-f]{32}$/.test(hash.get("show") || "")) state.selected = hash.get("show");
  let remembered = "auto";
  try { remembered = localStorage.getItem("otelperf-theme") || "auto"; } catch { /* the system's */ }
  theme(["auto", "light", "dark"].includes(remembered) ? remembered : "auto");

  for (const input of document.querySelectorAll("input[name=range]")) {
    input.checked = Number(input.value) === state.range;
    input.addEventListener("change", () => { state.range = Number(input.value); remember(); refresh(true); });
  }
  at("theme").addEventListener("click", () => {
    theme({ auto: "light", light: "dark", dark: "auto" }[state.theme]);
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  at("filter").addEventListener("input", (e) => { state.filter = e.target.value.toLowerCase(); if (state.overview) show(state.overview); });
  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !/^(input|textarea|select)$/i.test(e.target.tagName)) {
      e.preventDefault();
      at("filter").focus();
    }
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  listen();
  refresh(true);
}

// redraw makes what is drawn take the new colours.
function redraw() {
  for (const e of document.querySelectorAll(".spark")) e.dataset.key = "";
  refresh(true);
}

start();
