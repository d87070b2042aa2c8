// The live page: places the panels, and refreshes the numbers of all of them by one request every few seconds.
"use strict";

(() => {
  const EVERY_MS = 5000;
  const LATE_MS = 12000;
  const board = document.getElementById("live");
  if (!board) return;
  const [asOf, problem, marks] = ["as-of", "problem", "marks"].map((id) => document.getElementById(id));
  let view = null;

  const panels = [...board.querySelectorAll("[data-panel]")].map((article) => {
    const definition = JSON.parse(article.dataset.panel);
    const panel = { article, definition, title: definition.title || "", box: article.querySelector(".picture") };
    const kind = Live.kinds[definition.type];
    if (kind) panel.drawn = kind(panel);
    else panel.box.append(Live.element("p", "none", `This page does not draw ${definition.type}.`));
    const about = article.querySelector(".about > div");
    if (about) {
      const text = about.textContent;
      about.replaceChildren();
      Live.markdown(text, about);
    }
    if (!panel.title) article.classList.add("untitled");
    return panel;
  });

  // Panels are placed as in the file, relative to the top of their row.
  for (const part of board.querySelectorAll(".board")) {
    const within = panels.filter((panel) => part.contains(panel.article));
    const top = Math.min(...within.map((panel) => panel.definition.gridPos.y));
    for (const { article, definition: { gridPos: { x, y, w, h } } } of within) {
      article.style.gridArea = `${y - top + 1} / ${x + 1} / span ${h} / span ${w}`;
      article.style.setProperty("--h", h);
    }
  }

  function empty(panel, text) {
    let cover = panel.article.querySelector(".cover");
    if (!text) return void (cover && cover.remove());
    if (!cover) panel.article.append((cover = Live.element("p", "cover")));
    cover.textContent = text;
  }

  function draw(panel, data) {
    const nothing = data.series.every((one) => one.values.every((value) => value === null));
    const covered = panel.definition.type !== "stat"; // a stat panel itself shows that it has no value
    const noValue = ((panel.definition.fieldConfig || {}).defaults || {}).noValue;
    panel.drawn.update(data, view);
    panel.box.style.visibility = nothing && data.problem ? "hidden" : ""; // not known is not: no value
    empty(panel, data.problem || (nothing && covered ? noValue || "Nothing in this span of time" : null));
  }

  function show(definition) {
    Live.nowMs = definition.as_of ? definition.as_of * 1000 : undefined;
    const times = Array.from({ length: definition.points }, (_, at) => definition.start + at * definition.step);
    view = { start: definition.start, end: definition.start + definition.step * (definition.points - 1), step: definition.step, times, events: definition.events };
    report(definition.problem ? `${definition.problem} ${definition.as_of ? `What is shown is of ${Live.clock(definition.as_of)}.` : "There is nothing to show yet."} This page asks again by itself.` : "");
    board.classList.toggle("old", Boolean(definition.problem));
    for (const panel of panels) {
      const data = definition.panels[panel.definition.id];
      if (!panel.drawn || !data) continue;
      try {
        draw(panel, data);
      } catch (error) {
        empty(panel, `This panel cannot be drawn: ${error.message}`);
        reportError(error);
      }
    }
    const seen = definition.events.filter((kind) => kind.events.length);
    marks.hidden = !seen.length;
    marks.replaceChildren(...seen.map((kind) => {
      const last = kind.events[kind.events.length - 1];
      const one = Live.element("span", "name");
      const mark = Live.element("i");
      mark.style.background = Live.colour(kind.colour);
      one.append(mark, Live.element("b", "", kind.name), ` ${[...new Set(kind.events.map((each) => each.title))].filter((title) => title !== kind.name).slice(0, 3).join(", ")} `, Live.element("small", "", `last at ${Live.clock(last.from_s)}`));
      return one;
    }));
    asOf.textContent = definition.as_of ? `As of ${Live.clock(definition.as_of)} ${Live.zone()}` : "";
    asOf.classList.toggle("moving", !definition.problem);
    board.dataset.asOf = definition.as_of || "";
  }

  // A text that has not changed is not read aloud again.
  function report(text) {
    problem.hidden = !text;
    if (problem.textContent !== text) problem.textContent = text;
  }

  function unknown(text) {
    report(`${text} This page asks again by itself.`);
    board.classList.add("old");
    asOf.classList.remove("moving");
  }

  async function ask() {
    let definition;
    try {
      // The request is marked as one that renews a page, so that the answer to an ended session is a status, not the login page.
      const answer = await fetch(board.dataset.url, { headers: { "X-Renewal": "1" }, signal: AbortSignal.timeout(LATE_MS) });
      if (answer.status === 401) return end();
      if (!answer.ok) return unknown(`The console answered ${answer.status}.`);
      definition = await answer.json();
    } catch (error) {
      return unknown(error instanceof SyntaxError ? "What answers is not the console." : "The console does not answer.");
    }
    show(definition);
  }
  async function forEver() {
    for (;;) {
      if (!document.hidden) await ask();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
  document.addEventListener("visibilitychange", () => document.hidden || ask());

  let waiting = 0;
  const again = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => view && panels.forEach((panel) => panel.drawn && panel.drawn.redraw()));
  };
  new ResizeObserver(again).observe(board);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("click", (event) => {
    for (const open of board.querySelectorAll("details.about[open]")) if (!open.contains(event.target)) open.open = false;
  });
  forEver();
})();
