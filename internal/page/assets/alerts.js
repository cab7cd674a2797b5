// Alerts, newest first, and the evidence that was gathered for them.
import { bytes, duration, element, when } from "./format.js";

let drawn = "";

export async function alerts(list, none, o, get) {
  const { folders } = await get("api/evidence");
  const key = JSON.stringify([o.events, folders]);
  if (key === drawn) return; // an open list of files stays open
  drawn = key;
  const free = new Set(folders);
  const items = o.events.map((e) => {
    const folder = e.state === "firing" ? folders.find((f) => f.name === e.evidence) || belonging([...free], e, o.interval) : undefined;
    free.delete(folder);
    return { time: e.time, li: item(e.time, e.state, e.message, e.since && e.state === "resolved" ? e.time - e.since : 0, folder) };
  });
  for (const f of free) {
    const first = (f.alerts || [])[0];
    const time = Date.parse(f.started || "") || 0;
    items.push({ time, li: item(time, "firing", first ? first.message.replace(/ evidence=.*$/, "") : f.name, 0, f) });
  }
  items.sort((a, b) => b.time - a.time);
  list.replaceChildren(...items.map((i) => i.li));
  none.hidden = items.length > 0;
}

// belonging finds the folder of an alert from before a restart, which is known
// from the file only.
function belonging(folders, e, interval) {
  return e.evidence ? undefined : folders.find((f) => (f.alerts || []).some((a) =>
    a.name === e.name && Math.abs(Date.parse(a.time || f.started) - e.time) < 2 * interval));
}

function item(time, state, message, lasted, folder) {
  const li = element("li");
  li.dataset.state = state;
  const head = element("div", "alert-head");
  head.append(element("span", "badge", state === "resolved" ? "✓ Resolved" : "▲ Alert"));
  const at = element("time", "muted", time ? when(time) : "");
  if (time) at.dateTime = new Date(time).toISOString();
  head.append(at);
  if (lasted > 0) head.append(element("span", "muted", "lasted " + duration(lasted)));
  li.append(head, element("p", "message", message));
  if (folder) li.append(evidence(folder));
  return li;
}

function evidence(f) {
  const d = element("details");
  const files = f.files.filter((x) => !x.error);
  d.append(element("summary", "", "Evidence: " + files.length + (files.length === 1 ? " file" : " files") + (f.state && f.state !== "complete" && f.state !== "done" ? " (" + f.state + ")" : "")));
  const ul = element("ul", "files");
  for (const x of f.files) {
    const li = element("li");
    if (x.error) {
      li.append(element("span", "", x.name), element("span", "muted", x.error));
    } else {
      const a = element("a", "", x.name);
      a.href = "evidence/" + encodeURIComponent(f.name) + "/" + encodeURIComponent(x.name);
      a.setAttribute("download", f.name + "-" + x.name);
      li.append(a, element("span", "muted", [bytes(x.bytes), x.about].filter(Boolean).join(" · ")));
      if (x.open) li.append(element("code", "", x.open));
    }
    ul.append(li);
  }
  d.append(ul);
  return d;
}
