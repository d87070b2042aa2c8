// What charts over time share: a canvas in the screen's resolution, a time axis, marks, and the moment at the pointer.
"use strict";

(() => {
  const listeners = new Set();

  // All charts of the page mark the moment at the pointer. `at`: Unix seconds, or null.
  Live.pointAt = (at, by) => {
    for (const each of listeners) if (each.by !== by) each.point(at);
  };
  Live.listen = (by, point) => {
    const one = { by, point };
    listeners.add(one);
    return () => listeners.delete(one);
  };

  Live.font = (px, weight = "") => `${weight} ${px}px ${getComputedStyle(document.body).fontFamily}`.trim();

  const measuring = document.createElement("canvas").getContext("2d");
  Live.widthOf = (text, font) => {
    measuring.font = font;
    return measuring.measureText(text).width;
  };

  Live.canvas = (box, label) => {
    const canvas = Live.element("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    box.append(canvas);
    return canvas;
  };
  // Return a context to draw on, in CSS pixels.
  Live.sized = (canvas, width, height) => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return context;
  };
  Live.shortened = (context, text, width) => {
    if (context.measureText(text).width <= width) return text;
    // Names may differ at either end, so the middle is cut.
    const cut = (kept) => text.slice(0, Math.ceil(kept / 2)) + "…" + text.slice(text.length - Math.floor(kept / 2));
    let [from, to] = [0, text.length];
    while (from < to) {
      const middle = (from + to + 1) >> 1;
      if (context.measureText(cut(middle)).width <= width) from = middle;
      else to = middle - 1;
    }
    return from ? cut(from) : "";
  };

  const STEPS = [10, 15, 30, 60, 120, 300, 600, 900];
  // Ticks at round times, far enough apart to be readable.
  Live.ticks = (start, end, width) => {
    const most = Math.max(2, Math.floor(width / 92));
    const step = STEPS.find((each) => (end - start) / each <= most) || 1800;
    const found = [];
    const edge = (22 / width) * (end - start); // half of a label
    for (let at = Math.ceil(start / step) * step; at <= end - edge; at += step) if (at >= start + edge) found.push(at);
    return { step, ticks: found };
  };
  Live.tick = (at, step) => Live.clock(at).slice(0, step < 60 ? 8 : 5);
  Live.timeAxis = (context, view, { left, right, top, bottom }) => {
    const { step, ticks } = Live.ticks(view.start, view.end, right - left);
    context.font = Live.font(11);
    context.textBaseline = "top";
    for (const at of ticks) {
      const x = Math.round(left + ((at - view.start) / (view.end - view.start)) * (right - left)) + 0.5;
      context.strokeStyle = Live.style("--grid");
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.stroke();
      context.fillStyle = Live.style("--soft");
      context.textAlign = "center";
      context.fillText(Live.tick(at, step), x, bottom + 5);
      context.textAlign = "left";
    }
  };

  // Events: with `bands`, a band behind the chart for their duration; lines on top at their start and end.
  Live.marksOn = (context, view, { left, right, top, bottom }, bands) => {
    const x = (at) => left + ((at - view.start) / (view.end - view.start)) * (right - left);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    for (const kind of view.events) {
      const colour = Live.colour(kind.colour);
      for (const each of kind.events) {
        const [from, to] = [x(each.from_s), x(each.to_s)];
        if (bands) {
          context.fillStyle = Live.faint(colour, 0.13);
          context.fillRect(from, top, Math.max(0, to - from), bottom - top);
          continue;
        }
        context.strokeStyle = Live.faint(colour, 0.8);
        context.lineWidth = 1;
        context.setLineDash([4, 3]);
        for (const edge of to - from > 3 ? [from, to] : [from]) {
          context.beginPath();
          context.moveTo(Math.round(edge) + 0.5, top);
          context.lineTo(Math.round(edge) + 0.5, bottom);
          context.stroke();
        }
        context.setLineDash([]);
      }
    }
    context.restore();
  };
  Live.happening = (view, at) => view.events.flatMap((kind) => kind.events
    .filter((each) => at >= each.from_s - view.step && at <= each.to_s + view.step)
    .map((each) => ({ name: each.title || kind.name, colour: kind.colour })));

  // --- the tooltip at the pointer -----------------------------------------------------------------------------------
  Live.tip = (box) => {
    const tip = Live.element("div", "tip");
    tip.hidden = true;
    box.append(tip);
    return {
      // rows: [{colour, name, text}]
      show(title, rows, left) {
        tip.replaceChildren(Live.element("b", "", title));
        for (const row of rows.slice(0, 12)) {
          const line = Live.element("div", "line");
          const mark = Live.element("i");
          mark.style.background = row.colour;
          line.append(mark, Live.element("span", "", row.name), Live.element("em", "", row.text));
          tip.append(line);
        }
        tip.hidden = false;
        const over = left > box.clientWidth / 2;
        tip.style.left = over ? "" : `${left + 14}px`;
        tip.style.right = over ? `${box.clientWidth - left + 14}px` : "";
      },
      hide: () => (tip.hidden = true),
    };
  };
})();
