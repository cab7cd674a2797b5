// The tables of baselines and of what is called.
import { duration, element, group, percent, rate, times, value, when, whole } from "./format.js";
import { later, remove, sparkline } from "./charts.js";

export const names = { ok: "OK", pending: "Pending", firing: "Alert", resolved: "Resolved", no_data: "No data", incomplete: "Incomplete" };
const signs = { ok: "✓", pending: "◔", firing: "▲", resolved: "✓", no_data: "–", incomplete: "?" };
const order = { firing: 0, pending: 1, incomplete: 2, resolved: 3, ok: 4, no_data: 5 };

// Sparklines are drawn when they come into view: two hundred at once would be
// felt.
const draw = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const e of entries) {
    e.target.visible = e.isIntersecting;
    if (e.isIntersecting && draw.has(e.target)) later(e.target, draw.get(e.target));
  }
}, { rootMargin: "200px" });

function spark(place, f) {
  draw.set(place, f);
  if (place.visible) later(place, f);
  else seen.observe(place);
}

// rows makes the table's rows be those of the list, in its order, and keeps
// those that were there, so that focus and reading position stay.
function rows(body, list, make, fill) {
  const old = new Map([...body.children].map((tr) => [tr.dataset.id, tr]));
  let next = body.firstElementChild;
  for (const item of list) {
    let tr = old.get(item.id);
    if (!tr) {
      tr = make(item);
      tr.dataset.id = item.id;
    }
    old.delete(item.id);
    if (tr !== next) body.insertBefore(tr, next);
    else next = next.nextElementSibling;
    fill(tr, item);
  }
  for (const tr of old.values()) {
    const place = tr.querySelector(".spark");
    if (place) { draw.delete(place); seen.unobserve(place); remove(place); }
    tr.remove();
  }
}

function text(e, s) { if (e.textContent !== s) e.textContent = s; }

function cell(tr, className, label) {
  const td = element("td", className);
  td.dataset.label = label;
  tr.append(td);
  return td;
}

function nameCell(tr, item, select) {
  const th = element("th");
  th.scope = "row";
  const button = element("button", "name", item.name);
  button.type = "button";
  button.addEventListener("click", () => select(item.id));
  th.append(button);
  tr.append(th);
  return th;
}

function matches(item, filter) {
  return !filter || (item.name + " " + group(item.group) + " " + item.metric).toLowerCase().includes(filter);
}

function mark(tr, item, state) {
  const on = item.id === state.selected;
  tr.classList.toggle("selected", on);
  tr.querySelector("button.name").setAttribute("aria-pressed", String(on));
}

export function baselines(table, o, state, select) {
  const list = o.baselines.filter((b) => matches(b, state.filter))
    .map((b, i) => ({ b, i }))
    .sort((x, y) => rank(x.b) - rank(y.b) || x.i - y.i)
    .map((x) => x.b);
  rows(table.tBodies[0], list, (b) => {
    const tr = element("tr");
    const td = cell(tr, "state", "State");
    td.append(element("span", "badge"));
    const th = nameCell(tr, b, select);
    th.append(element("span", "group", group(b.group)), element("span", "reason"));
    for (const [c, l] of [["num now", "Now"], ["num", "Target"], ["num", "Worse by"], ["", "Since"]]) cell(tr, c, l);
    const graph = cell(tr, "graph", "History");
    const place = element("div", "spark");
    place.setAttribute("role", "img");
    graph.append(place);
    return tr;
  }, (tr, b) => {
    const state_ = b.target === null && b.state !== "no_data" ? "observed" : b.state;
    tr.dataset.state = state_;
    const badge = tr.querySelector(".badge");
    text(badge, state_ === "observed" ? "Observed" : (signs[b.state] || "") + " " + (names[b.state] || b.state));
    const [, now, target, excess, since] = tr.querySelectorAll("td");
    text(now, value(b.value, b.unit));
    text(target, b.target === null ? "–" : (b.direction === "lower" ? "≥ " : "≤ ") + value(b.target, b.unit));
    target.title = b.threshold === null ? "" : "alerts " + (b.direction === "lower" ? "below " : "above ") + value(b.threshold, b.unit);
    text(excess, b.excess === null ? "–" : b.excess > 0 ? percent(b.excess) : "within");
    excess.classList.toggle("good", b.excess !== null && b.excess <= 0);
    const from = b.since ? Date.parse(b.since) : 0;
    text(since, from ? when(from) + " (" + whole(duration(o.now - from)) + ")" : "–");
    since.classList.toggle("none", !from);
    since.title = from ? when(from) : "";
    text(tr.querySelector(".reason"), b.reason || "");
    tr.querySelector(".name").title = b.statistic + " of " + b.metric;
    mark(tr, b, state);
    const place = tr.querySelector(".spark");
    const t = times(b.spark.t);
    const known = b.spark.v.filter((v) => v !== null);
    place.setAttribute("aria-label", known.length
      ? "from " + value(Math.min(...known), b.unit) + " to " + value(Math.max(...known), b.unit) + (b.target === null ? "" : ", target " + value(b.target, b.unit))
      : "no history yet");
    const bad = b.state === "firing" || b.state === "pending";
    spark(place, () => sparkline(place, [t, b.spark.v], {
      from: o.from / 1000, to: o.now / 1000, target: b.target, threshold: b.threshold, lower: b.direction === "lower", bad,
    }));
  });
}

// rank puts what is worse first, and what has no target last.
function rank(b) { return (order[b.state] ?? 6) + (b.target === null ? 10 : 0); }

const titles = { operation: "Operation", route: "Route", client: "Host" };

export function timed(table, all, kind, o, state, select) {
  if (!table.tHead) {
    const tr = element("tr");
    for (const [label, c] of [[titles[kind], ""], ["Rate", "num"], ["p50", "num"], ["p95", "num"], ["p99", "num"], ["Errors", "num"], ["p95 over time", "graph"]]) {
      const th = element("th", c, label);
      th.scope = "col";
      tr.append(th);
    }
    table.createTHead().append(tr);
    table.append(element("tbody"));
  }
  const list = all.filter((t) => matches(t, state.filter)).sort((a, b) => (b.rate || 0) - (a.rate || 0) || a.name.localeCompare(b.name));
  if (table.known !== undefined && table.known === list.map((t) => t.id).sort().join()) {
    // Rows must not jump at each interval under the reader's eyes.
    const place = new Map(table.order.map((id, i) => [id, i]));
    list.sort((a, b) => place.get(a.id) - place.get(b.id));
  }
  table.known = list.map((t) => t.id).sort().join();
  table.order = list.map((t) => t.id);
  rows(table.tBodies[0], list, (t) => {
    const tr = element("tr");
    nameCell(tr, t, select);
    for (const [c, l] of [["num", "Rate"], ["num", "p50"], ["num", "p95"], ["num", "p99"], ["num", "Errors"]]) cell(tr, c, l);
    const place = element("div", "spark");
    place.setAttribute("role", "img");
    cell(tr, "graph", "p95 over time").append(place);
    return tr;
  }, (tr, t) => {
    const cells = tr.querySelectorAll("td");
    [rate(t.rate), value(t.p50, t.unit), value(t.p95, t.unit), value(t.p99, t.unit), percent(t.errors)].forEach((s, i) => text(cells[i], s));
    cells[4].classList.toggle("bad", t.errors >= 0.01);
    tr.classList.toggle("idle", !(t.rate > 0));
    tr.title = t.seen && !(t.rate > 0) ? "last measured at " + when(t.seen) : "";
    mark(tr, t, state);
    const place = tr.querySelector(".spark");
    const x = times(t.spark.t);
    place.setAttribute("aria-label", "p95 now " + value(t.p95, t.unit));
    spark(place, () => sparkline(place, [x, t.spark.v], { from: o.from / 1000, to: o.now / 1000 }));
  });
}
