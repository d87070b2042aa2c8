// Parts of a page that renew themselves: `data-renew` says how often (s), `data-from` from which address if not the page's.
// What did not change stays in place, and with it the focus, selected text, scroll positions, opened details and what is typed.
"use strict";

// Attributes that a person or a script sets.
const OURS = ["open", "data-sent", "aria-busy"];
const TYPED = "input:not([type=hidden]), textarea";
const holdsText = (node) => node.attributes && [...node.querySelectorAll(TYPED)].some((field) => field.value !== field.defaultValue);

// A link or a button is the same while it leads to the same page or gives the same order, so that neither the focus nor a click
// that has begun moves to another one.
function identity(node) {
  if (!node.attributes) return "";
  const row = node.matches("[data-row]") && link(node);
  const leads = (row || node).getAttribute("href") || node.getAttribute("formaction") || node.getAttribute("name");
  return node.id || leads || (node.matches("option") ? node.value : "");
}

const alike = (one, two) => one.nodeName === two.nodeName && identity(one) === identity(two);

function morph(old, fresh) {
  if (!old.attributes) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.matches(TYPED)) return;
  const chosen = old.matches("select") && old.value;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !OURS.includes(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) === value || OURS.includes(name)) continue;
    if (name === "style") old.style.cssText = value; // the content policy refuses the attribute
    else old.setAttribute(name, value);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    let found = at;
    while (found && !alike(found, child)) found = found.nextSibling;
    if (!found) {
      old.insertBefore(child, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    morph(found, child);
  }
  while (at) {
    const next = at.nextSibling;
    if (!holdsText(at)) at.remove(); // what is typed may be needed again: its form may only be missing while a store is away
    at = next;
  }
  if (chosen !== false) old.value = chosen;
}

// A row that moves, or whose focused link is gone, keeps the focus.
function put(part, fresh) {
  const focused = document.activeElement;
  const row = focused.closest("[data-row]");
  morph(part, fresh);
  dress(part);
  if (document.activeElement === focused) return;
  const next = focused.isConnected ? focused : row && row.isConnected && link(row);
  if (next) next.focus({ preventScroll: true });
}

const LATEST_MS = 12000;
// A part that is wanted at once is asked for again, if the first answer fails, no more often than the others.
const AGAIN_S = 5;
const LATE_MS = 15000;
const LATE = document.getElementById("late");
// Part -> when it was last renewed, and when it is due next: never, while a request for it is running.
const parts = new Map([...document.querySelectorAll("[data-renew]")].map((part) => [part, { at: Date.now(), due: Date.now() + part.dataset.renew * 1000 }]));
let over = false;

async function renew(part, state) {
  state.due = Infinity;
  try {
    const answer = await fetch(part.dataset.from || location.href, { headers: { "X-Renewal": "1" }, signal: AbortSignal.timeout(LATEST_MS) });
    if (answer.status === 401) return end();
    if (!answer.ok) return;
    noteBuild(answer.headers.get("X-Build"));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(part.id);
    if (!fresh && answer.status !== 204) return;
    if (page.title) document.title = page.title;
    if (fresh) put(part, fresh);
    state.at = Date.now();
    over = false;
  } catch {
    // The page shows how old it is.
  } finally {
    state.due = Date.now() + (+part.dataset.renew || AGAIN_S) * 1000;
  }
}

// When the session is over, go to the login, unless that would lose text that was typed here.
let typed = false;
document.addEventListener("input", (event) => (typed ||= event.target.closest("main form[method=post]") !== null));
function end() {
  over = typed;
  if (!typed) location.replace(`/console/login?over&to=${encodeURIComponent(location.pathname + location.search)}`);
}

// After an upgrade, when only another build has answered for a while, the page is loaded again, unless something is typed in it,
// or it answers a form: then it names no build, because its address does not show what it shows.
const BUILD = document.body.dataset.build;
const VIEWED = document.querySelector("[data-build] :is([data-renew]:not([data-from]), #live)") !== null;
let own = Date.now();
function noteBuild(build) {
  if (build === BUILD) own = Date.now();
  else if (build && VIEWED && !typed && !holdsText(document.body) && Date.now() - own > LATE_MS) location.replace(location.pathname + location.search);
}

// A page in the background is renewed rarely, so it gets some time when it becomes visible again.
let seen = Date.now();
document.addEventListener("visibilitychange", () => (seen = Date.now()));

// The age is not part of the alert: it would be read aloud every second.
function showLate(oldest) {
  LATE.hidden = !over && (Date.now() - oldest < LATE_MS || Date.now() - seen < LATE_MS);
  if (LATE.hidden) return;
  const [alert, time] = [LATE.querySelector("[role=alert]"), LATE.querySelector("time")];
  const text = over ? "Your session is over. What you typed can still be sent." : "What is shown is old: dlq_admin does not answer, or cannot renew it.";
  if (alert.textContent !== text) alert.textContent = text;
  time.dateTime = new Date(oldest - SKEW_MS).toISOString();
  showTimes(LATE);
}

function renewDue() {
  // A part that no longer renews itself, such as a replay that is over, does not become old.
  const alive = [...parts].filter(([part]) => part.dataset.renew);
  for (const [part, state] of alive) if (state.due <= Date.now()) renew(part, state);
  showLate(Math.min(Date.now(), ...alive.map(([, { at }]) => at)));
}
renewDue();
setInterval(renewDue, 500);
