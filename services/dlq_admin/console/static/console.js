// Keys and ticks. Every page works without it.
"use strict";

const rows = () => [...document.querySelectorAll("[data-row]")].filter(link);
const link = (row) => (row.matches("a") ? row : row.querySelector("a"));
const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog") !== null;
const PLACES = { h: "/console", v: "/console/live", g: "/console/groups", l: "/console/letters", r: "/console/replays", f: "/console/failures", q: "/console/requests", a: "/console/audit" };
let going = false;

function move(step) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const row = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (row) {
    link(row).focus();
    row.scrollIntoView({ block: "nearest" });
  }
}

function tick() {
  const row = document.activeElement.closest("[data-row]");
  const box = row && row.querySelector("input[type=checkbox]");
  if (box) box.click();
}

const help = () => document.getElementById("help").showModal();

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  x: tick,
  "?": help,
  "/": () => document.getElementById("find").focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (going && PLACES[event.key]) {
    event.preventDefault();
    location.assign(PLACES[event.key]);
    return;
  }
  going = event.key === "g";
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form.bulk");
  if (!form || !event.target.matches("[name=id], [data-every]")) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  if (event.target.matches("[data-every]")) for (const box of boxes) box.checked = event.target.checked;
  const count = boxes.filter((box) => box.checked).length;
  form.querySelector("[data-every]").checked = count === boxes.length;
  form.querySelector("[data-ticked]").textContent = count ? `${count} selected` : "selected letters";
  form.querySelector("input[value=ticked]").checked = true;
});

// If there is no clipboard, as on plain HTTP, the text is selected so that the operator can copy it.
async function copy(button) {
  const text = button.previousElementSibling;
  getSelection().selectAllChildren(text);
  if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent.trim()).catch(() => {});
  button.textContent = navigator.clipboard ? "Copied" : "Selected";
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-help]")) help();
  if (event.target.matches("[data-copy]")) copy(event.target);
});

// Times are shown as ages by the server's clock, which keep growing, or as clock times in UTC or in local time.
const TIMES = document.getElementById("times");
const clock = (moment, zone) => `${moment.toLocaleString("sv-SE", { timeZone: zone })} ${zone || moment.toLocaleTimeString("en", { timeZoneName: "short" }).split(" ").pop()}`;

const SKEW_MS = Date.now() - new Date(document.body.dataset.now);
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];

function lasting(seconds) {
  const step = STEPS.find(([size]) => seconds >= 2 * size);
  return step ? `${Math.round(seconds / step[0])} ${step[1]}` : `${seconds} s`;
}

function age(moment) {
  const seconds = Math.round((Date.now() - SKEW_MS - moment) / 1000);
  if (seconds < -1) return `in ${lasting(-seconds)}`;
  return seconds < 2 ? "just now" : `${lasting(seconds)} ago`;
}

function showTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.dateTime);
    if (isNaN(moment)) continue;
    each.title = `${clock(moment, "UTC")}, ${clock(moment)}`;
    const text = { utc: () => clock(moment, "UTC"), local: () => clock(moment) }[TIMES.value] || (() => age(moment));
    const now = text();
    if (each.textContent !== now) each.textContent = now;
  }
}
TIMES.value = localStorage.getItem("times") || "age";
TIMES.addEventListener("change", () => {
  localStorage.setItem("times", TIMES.value);
  showTimes(document);
  document.dispatchEvent(new Event("times"));
});

// What the server's HTML lacks: times as they are wanted here, and what works by scripts only.
function dress(root) {
  for (const each of root.querySelectorAll("[data-scripted]")) each.hidden = false;
  showTimes(root);
}
dress(document);
setInterval(() => TIMES.value === "age" && showTimes(document), 1000);

// A second click does not submit the form again.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  event.target.setAttribute("aria-busy", "true");
  // A download does not leave the page, so the form becomes usable again.
  setTimeout(() => {
    delete event.target.dataset.sent;
    event.target.removeAttribute("aria-busy");
  }, 3000);
});
// Reset the forms when the browser goes back to a page that was left while a form was being sent.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});
