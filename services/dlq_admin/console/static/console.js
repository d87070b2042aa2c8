// Keys and ticks. Every page works without it.
"use strict";

const rows = () => [...document.querySelectorAll("[data-row]")];
const link = (row) => (row.matches("a") ? row : row.querySelector("a"));
const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog") !== null;
const PLACES = { h: "/console", v: "/console/live", g: "/console/groups", l: "/console/letters", r: "/console/replays", a: "/console/audit" };
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
  if (!form || event.target.name !== "id") return;
  const count = form.querySelectorAll("input[name=id]:checked").length;
  form.querySelector("[data-ticked]").textContent = count ? `${count} selected` : "selected letters";
  form.querySelector("input[value=ticked]").checked = true;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-help]")) help();
});

// A second click sends nothing twice.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  event.target.setAttribute("aria-busy", "true");
  // A download leaves the page where it is.
  setTimeout(() => {
    delete event.target.dataset.sent;
    event.target.removeAttribute("aria-busy");
  }, 3000);
});
// Back to a page that was left while it was busy.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});
