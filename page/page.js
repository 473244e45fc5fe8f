// The page asks the daemon, shows, and asks again. Everything from outside is put in as text, never as HTML.
"use strict";

const main = document.getElementById("main");
const link = document.getElementById("link");
const eventsLimit = 500;
const events = [];
let source = null;
let timer = 0;
let shown = 0;  // which view is on, so that a late answer to an earlier one is not drawn

function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== "") made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

async function ask(path) {
  const answer = await fetch(path, {headers: {accept: "application/json"}});
  if (!answer.ok) throw new Error((await answer.text()).trim() || "HTTP " + answer.status);
  return answer.json();
}

function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  const span = (s) => s < 60 ? Math.floor(s) + "s" : s < 3600 ? Math.floor(s / 60) + "m"
    : s < 86400 ? Math.floor(s / 3600) + "h" + String(Math.floor(s / 60) % 60).padStart(2, "0") + "m"
    : Math.floor(s / 86400) + "d";
  return seconds >= 0 ? span(seconds) + " ago" : "in " + span(-seconds);
}

function clock(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(11, 23);
}

const short = (impi) => impi.split("@")[0];
// What people dial: the telephone number, else the name in a SIP URI that is not just the IMSI.
const numberOf = (impus, impi) => {
  const tel = (impus || []).find((impu) => impu.startsWith("tel:"));
  const name = tel ? tel.slice(4) : short((impus || [])[0] || "").replace(/^sips?:/, "");
  return name === short(impi) ? "" : name;
};
const userLink = (identity, text) => make("a", {href: "#/user/" + encodeURIComponent(identity)}, text || identity);

function stateCell(state) {
  const tone = state === "registered" ? "good" : state === "challenged" ? "warn" : state ? "bad" : "faint";
  return make("td", {class: tone}, state || "unknown here");
}

function table(heads, rows) {
  return make("div", {class: "scroll"}, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))), make("tbody", {}, ...rows)));
}

const cells = (...texts) => texts.map((text) => make("td", {}, text === undefined ? "" : String(text)));

// Of daemons that did not answer.
function troubles(answers) {
  return answers.replies.filter((one) => one.error).map((one) => make("p", {class: "bad"}, one.error.text));
}

function byUser(answers) {
  const users = new Map();
  for (const {daemon, reply} of answers.replies) {
    for (const one of reply ? reply.registrations : []) {
      const key = one.impi || one.impus[0] || "";
      const user = users.get(key) || {key};
      // Of several contacts the one that works counts.
      if (!user[daemon] || one.state === "registered") user[daemon] = one;
      users.set(key, user);
    }
  }
  return [...users.values()].sort((a, b) => a.key < b.key ? -1 : 1);
}

async function registrations() {
  const answers = await ask("/api/registrations");
  const users = byUser(answers);
  const rows = users.map((user) => {
    const pcscf = user.pcscf || {};
    const scscf = user.scscf || {};
    const best = user.pcscf || user.scscf;
    return make("tr", {}, make("td", {class: "mono"}, userLink(user.key, short(user.key))),
      ...cells(numberOf(scscf.impus || pcscf.impus, user.key)), stateCell(pcscf.state), stateCell(scscf.state),
      ...cells(ago(best.since), ago(best.expires), pcscf.protection, pcscf.address, best.userAgent));
  });
  const heads = ["User", "Number", "P-CSCF", "S-CSCF", "Since", "Expires", "Protection", "Address", "Handset"];
  // A daemon lists the first 1,000.
  const left = answers.replies.some(({reply}) => reply && reply.total > reply.registrations.length);
  return [make("h1", {}, users.length === 1 ? "1 user" : users.length + " users"), ...troubles(answers),
    left ? make("p", {class: "note"}, "There are more: search for one by its identity.") : "",
    rows.length ? table(heads, rows) : make("p", {class: "note"}, "Nobody has tried to register yet.")];
}

async function calls() {
  const answers = await ask("/api/calls");
  const rows = [];
  for (const {reply} of answers.replies) {
    for (const call of reply ? reply.calls : []) {
      rows.push(make("tr", {}, make("td", {class: "mono"}, userLink(call.callId, call.id)),
        make("td", {}, userLink(call.callerImpi || call.caller, call.caller)),
        make("td", {}, userLink(call.calleeImpi || call.callee, call.callee)),
        ...cells(call.state, ago(call.answered || call.started), call.media, call.lastMessage)));
    }
  }
  const heads = ["Call", "Caller", "Callee", "State", "Since", "Media", "Last message"];
  return [make("h1", {}, "Calls"), ...troubles(answers),
    rows.length ? table(heads, rows) : make("p", {class: "note"}, "No call is on.")];
}

function eventRow(event) {
  const who = event.impi || event.impu;
  return make("tr", {class: event.code ? "bad" : ""}, make("td", {class: "mono"}, clock(event.time)),
    ...cells(event.program, event.kind), make("td", {class: "mono"}, who ? userLink(who, short(who)) : ""),
    make("td", {class: "wide"}, event.text, event.code ? make("code", {}, " [" + event.code + "]") : ""));
}

const eventHeads = ["Time (UTC)", "Program", "Kind", "User", "What"];

async function eventsView() {
  return [make("h1", {}, "Events, as they come"),
    events.length ? table(eventHeads, events.slice().reverse().map(eventRow))
      : make("p", {class: "note"}, "None since this page was opened.")];
}

function finding(one) {
  return make("div", {class: "finding"},
    make("h3", {class: one.failure ? "bad" : "warn"}, one.title + " ", make("code", {}, one.code)),
    make("div", {}, "This time: " + one.text + (one.program ? " (" + one.program + ")" : "")),
    make("div", {class: "faint"}, "Known by: " + one.seen),
    make("ul", {}, ...one.advice.map((line) => make("li", {}, line))));
}

function step(one) {
  return make("details", {}, make("summary", {class: one.failure ? "bad" : ""},
    make("span", {class: "mono"}, clock(one.ms) + "  "), one.from + " \u2192 " + one.to + ": " + one.label,
    make("span", {class: "faint"}, " " + one.carrier)), make("pre", {}, one.message));
}

async function story(identity) {
  const query = "?identity=" + encodeURIComponent(identity);
  const [told, ladder] = await Promise.all([ask("/api/explain" + query), ask("/api/ladder" + query)]);
  const failed = told.findings.some((one) => one.failure);
  const out = [make("h1", {class: "mono"}, told.impi || identity)];
  if (told.impus.length) out.push(make("p", {class: "faint"}, told.impus.join(", ")));
  out.push(make("div", {class: told.registered && !failed ? "verdict" : "verdict failed"}, told.verdict));
  if (told.findings.length) out.push(make("h2", {}, "Why, likeliest first"), ...told.findings.map(finding));
  if (told.steps.length) {
    out.push(make("h2", {}, "What happened last"), table(eventHeads, told.steps.map(eventRow)));
  }
  if (told.missing) out.push(make("h2", {}, "What is missing"), make("p", {}, told.missing));
  out.push(make("h2", {}, "Its messages"));
  if (ladder.steps.length) {
    out.push(make("div", {class: "ladder"},
      make("img", {src: "/api/ladder.svg" + query, alt: "The messages as a ladder; the same in words below"})),
    ...ladder.steps.map(step));
  } else {
    out.push(make("p", {class: "note"}, "None is kept: the daemons keep the last trace.megabytes of messages."));
  }
  return out;
}

async function health() {
  const [status, hss] = await Promise.all([ask("/api/status"), ask("/api/hss").catch(() => ({replies: []}))]);
  const out = [make("h1", {}, "Health"), ...troubles(status)];
  out.push(...hssPeers(hss));
  for (const {address, reply} of status.replies) {
    if (!reply) continue;
    out.push(make("h2", {}, reply.program + " ", make("span", {class: "faint"}, reply.name)),
      make("p", {}, "version " + reply.version + ", up since " + reply.started + " (" + ago(reply.started) + "), "
        + reply.workers + " workers, " + address,
      reply.draining ? make("strong", {class: "warn"}, " DRAINING: it begins nothing new") : ""),
      make("dl", {class: "counts"}, ...reply.gauges.map((gauge) => make("div", {},
        make("dt", {}, gauge.name.replaceAll("_", " ")), make("dd", {}, gauge.value)))));
  }
  return out;
}

function hssPeers(hss) {
  const rows = [];
  for (const {reply} of hss.replies) {
    for (const peer of reply ? reply.peers : []) {
      rows.push(make("tr", {}, make("td", {}, peer.host), ...cells(peer.address),
        make("td", {class: peer.state === "open" ? "good" : "bad"}, peer.state),
        ...cells(peer.sent, peer.answered, peer.timeouts, peer.errors, peer.meanAnswerMs.toFixed(1) + " ms"),
        make("td", {class: "wide"}, peer.why)));
    }
  }
  return rows.length ? [make("h2", {}, "HSS"),
    table(["Host", "Address", "State", "Sent", "Answered", "Time-outs", "Errors", "Mean", "Why"], rows)] : [];
}

async function draw(view, again) {
  const mine = shown;
  try {
    const content = await view();
    if (mine !== shown) return;
    main.replaceChildren(...content);
    link.textContent = "";
  } catch (error) {
    if (mine !== shown) return;
    link.textContent = "no answer";
    if (!again) main.replaceChildren(make("p", {class: "bad"}, String(error.message || error)));
  }
}

function watch() {
  source = new EventSource("/api/events");
  source.onmessage = (message) => {
    events.push(JSON.parse(message.data));
    if (events.length > eventsLimit) events.shift();
    if (location.hash === "#/events") draw(eventsView, true);
  };
}

function route() {
  ++shown;
  clearInterval(timer);
  const path = location.hash.slice(1) || "/";
  const views = {"/": ["registrations", registrations], "/calls": ["calls", calls], "/events": ["events", eventsView],
    "/health": ["health", health]};
  let [name, view] = views[path] || ["", null];
  if (path.startsWith("/user/")) {
    const identity = decodeURIComponent(path.slice(6));
    view = () => story(identity);
  }
  if (!view) view = registrations;
  for (const one of document.querySelectorAll("nav a")) one.className = one.dataset.view === name ? "here" : "";
  draw(view, false);
  // A story stays as it was, so that its open messages stay open.
  if (name && name !== "events") timer = setInterval(() => draw(view, true), 2000);
}

document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const identity = document.getElementById("identity").value.trim();
  if (identity) location.hash = "#/user/" + encodeURIComponent(identity);
});
addEventListener("hashchange", route);
watch();
route();
