// State timelines, with a lane per series; and heat maps: how many values of which size at which time.
"use strict";

(() => {
  const GUTTER_MOST = 260;
  const FOOT = 20;

  // Panels above one another share a left edge, so that a moment is at the same place in all of them.
  const gutters = new Map();
  const gutter = (panel, wanted, most) => {
    const { x, w } = panel.definition.gridPos;
    const alike = gutters.get(`${x} ${w}`) || gutters.set(`${x} ${w}`, new Map()).get(`${x} ${w}`);
    const before = Math.max(...alike.values());
    alike.set(panel, Math.min(wanted, most));
    const now = Math.max(...alike.values());
    if (now !== before) for (const other of alike.keys()) if (other !== panel) requestAnimationFrame(() => other.drawn && other.drawn.redraw());
    return now;
  };

  // Equal neighbours form one piece. An unknown value is a gap, not a state.
  const pieces = (values, view) => {
    const found = [];
    values.forEach((value, at) => {
      const last = found[found.length - 1];
      if (last && last.value === value) last.to = at + 1;
      else found.push({ value, from: at, to: at + 1 });
    });
    return found.filter((each) => each.value !== null)
      .map((each) => ({ value: each.value, from_s: view.times[each.from], to_s: Math.min(view.end, view.times[each.to - 1] + view.step) }));
  };

  Live.kinds["state-timeline"] = (panel) => {
    const { definition, box, title } = panel;
    const canvas = Live.canvas(box, title);
    const legend = Live.element("div", "legend");
    const tip = Live.tip(box);
    box.append(legend);
    let [lanes, view, area, shown] = [[], null, null, null];

    const legendOf = () => {
      legend.replaceChildren();
      if (((definition.options || {}).legend || {}).showLegend === false) return;
      const seen = new Map();
      for (const lane of lanes) for (const piece of lane.pieces) seen.set(Live.text(lane.field, piece.value), Live.valueColour(lane.field, piece.value));
      for (const [text, colour] of seen) {
        const one = Live.element("span", "name");
        const mark = Live.element("i");
        mark.style.background = Live.colour(colour);
        one.append(mark, Live.element("span", "", text));
        legend.append(one);
      }
    };

    function draw(pointed = null) {
      const [width, height] = [box.clientWidth, Math.max(40, box.clientHeight - legend.offsetHeight)];
      const context = Live.sized(canvas, width, height);
      context.font = Live.font(12);
      const longest = Math.max(0, ...lanes.map((lane) => context.measureText(lane.field.name).width));
      const left = gutter(panel, Math.max(74, longest + 16), Math.min(GUTTER_MOST, width * 0.4));
      area = { left, right: width - 12, top: 4, bottom: height - FOOT };
      Live.timeAxis(context, view, area);
      Live.marksOn(context, view, area, true);
      const tall = (area.bottom - area.top) / Math.max(1, lanes.length);
      const bar = Math.min(tall * 0.78, 34);
      const x = (at) => area.left + ((at - view.start) / (view.end - view.start)) * (area.right - area.left);
      lanes.forEach((lane, at) => {
        const middle = area.top + tall * (at + 0.5);
        context.font = Live.font(12);
        context.textBaseline = "middle";
        context.fillStyle = Live.style("--ink");
        context.textAlign = "right";
        context.fillText(Live.shortened(context, lane.field.name, left - 12), left - 8, middle);
        context.textAlign = "left";
        context.fillStyle = Live.style("--empty");
        context.fillRect(area.left, middle - bar / 2, area.right - area.left, bar);
        for (const piece of lane.pieces) {
          const name = Live.valueColour(lane.field, piece.value);
          const [from, to] = [x(piece.from_s), x(piece.to_s)];
          context.fillStyle = Live.colour(name);
          context.fillRect(from, middle - bar / 2, Math.max(1.5, to - from), bar);
          const text = Live.text(lane.field, piece.value);
          context.font = Live.font(11, "600");
          if (bar >= 14 && to - from > context.measureText(text).width + 12) {
            context.fillStyle = Live.style(Live.colour(name).startsWith("rgba") ? "--soft" : "--on-mark");
            context.fillText(text, from + 6, middle + 0.5);
          }
        }
      });
      Live.marksOn(context, view, area, false);
      if (pointed !== null && pointed >= view.start) {
        context.strokeStyle = Live.style("--soft");
        context.setLineDash([3, 3]);
        context.beginPath();
        context.moveTo(x(pointed), area.top);
        context.lineTo(x(pointed), area.bottom);
        context.stroke();
        context.setLineDash([]);
      }
    }

    canvas.addEventListener("mousemove", (event) => {
      if (!area || event.offsetX < area.left || event.offsetX > area.right) return;
      const at = view.start + ((event.offsetX - area.left) / (area.right - area.left)) * (view.end - view.start);
      draw(at);
      Live.pointAt(at, panel);
      const rows = Live.happening(view, at).map((each) => ({ colour: Live.colour(each.colour), name: each.name, text: "" }));
      for (const lane of lanes) {
        const piece = lane.pieces.find((each) => at >= each.from_s && at <= each.to_s);
        if (piece) rows.push({ colour: Live.colour(Live.valueColour(lane.field, piece.value)), name: lane.field.name,
          text: `${Live.text(lane.field, piece.value)}, ${Live.text({ unit: "s" }, Math.round(piece.to_s - piece.from_s))}` });
      }
      tip.show(Live.clock(at), rows, event.offsetX);
    });
    canvas.addEventListener("mouseleave", () => (tip.hide(), draw(), Live.pointAt(null, panel)));
    Live.listen(panel, (at) => shown && draw(at));

    return {
      update(data, now) {
        [shown, view] = [data, now];
        lanes = data.series.map((one, at) => ({ field: Live.field(definition, one, at), pieces: pieces(one.values, now) }));
        canvas.setAttribute("aria-label", `${title}: ${lanes.map((lane) => `${lane.field.name} ${lane.pieces.length ? Live.text(lane.field, lane.pieces[lane.pieces.length - 1].value) : "unknown"}`).join(", ")}`);
        legendOf();
        draw();
      },
      redraw() {
        if (shown) draw();
      },
    };
  };

  // --- heat maps ----------------------------------------------------------------------------------------------------
  const upper = (one) => {
    const le = one.labels.le ?? one.name;
    return le === "+Inf" ? Infinity : Number(le);
  };
  // Cumulative buckets include all smaller values, which are subtracted here.
  const apart = (series, cumulative) => series.map((one, at) => ({
    le: upper(one),
    values: one.values.map((value, place) => (value === null ? null : cumulative && at > 0 ? Math.max(0, value - (series[at - 1].values[place] ?? 0)) : value)),
  }));

  Live.kinds.heatmap = (panel) => {
    const { definition, box, title } = panel;
    const canvas = Live.canvas(box, title);
    const tip = Live.tip(box);
    const axisField = { unit: ((definition.options || {}).yAxis || {}).unit || (definition.fieldConfig?.defaults || {}).unit || "none" };
    let [rows, view, area, most, shown] = [[], null, null, 0, null];
    const left = 74;

    function draw() {
      const [width, height] = [box.clientWidth, Math.max(60, box.clientHeight)];
      const context = Live.sized(canvas, width, height);
      area = { left, right: width - 12, top: 6, bottom: height - FOOT };
      Live.timeAxis(context, view, area);
      Live.marksOn(context, view, area, true);
      const tall = (area.bottom - area.top) / Math.max(1, rows.length);
      const wide = (area.right - area.left) / view.times.length;
      const colour = Live.colour("blue");
      rows.forEach((row, at) => {
        const top = area.bottom - tall * (at + 1);
        row.values.forEach((value, place) => {
          if (!value) return;
          context.fillStyle = Live.faint(colour, 0.12 + 0.88 * Math.sqrt(value / most));
          context.fillRect(area.left + wide * place, top + 0.5, Math.ceil(wide), tall - 1);
        });
      });
      context.fillStyle = Live.style("--soft");
      context.font = Live.font(11);
      context.textAlign = "right";
      context.textBaseline = "middle";
      const every = Math.ceil(16 / tall);
      rows.forEach((row, at) => {
        if (at % every === 0) context.fillText(row.le === Infinity ? "more" : `≤ ${Live.text(axisField, row.le)}`, left - 8, area.bottom - tall * (at + 0.5));
      });
      context.textAlign = "left";
      Live.marksOn(context, view, area, false);
    }
    canvas.addEventListener("mousemove", (event) => {
      if (!area || event.offsetX < area.left || event.offsetX > area.right) return;
      const at = Math.min(view.times.length - 1, Math.floor(((event.offsetX - area.left) / (area.right - area.left)) * view.times.length));
      Live.pointAt(view.times[at], panel);
      tip.show(Live.clock(view.times[at]), rows.filter((row) => row.values[at]).reverse().map((row) => ({
        colour: Live.colour("blue"), name: row.le === Infinity ? "more" : `≤ ${Live.text(axisField, row.le)}`,
        text: Live.text(definition.fieldConfig?.defaults?.unit === axisField.unit ? {} : definition.fieldConfig?.defaults || {}, row.values[at]),
      })), event.offsetX);
    });
    canvas.addEventListener("mouseleave", () => (tip.hide(), Live.pointAt(null, panel)));

    return {
      update(data, now) {
        [shown, view] = [data, now];
        const sorted = data.series.filter((one) => !Number.isNaN(upper(one))).sort((one, two) => upper(one) - upper(two));
        rows = apart(sorted, true);
        most = Math.max(1e-9, ...rows.flatMap((row) => row.values.map((value) => value ?? 0)));
        const [first, last] = [rows.findIndex((row) => row.values.some(Boolean)), rows.findLastIndex((row) => row.values.some(Boolean))];
        if (first >= 0) rows = rows.slice(Math.max(0, first - 1), last + 2);
        draw();
      },
      redraw() {
        if (shown) draw();
      },
    };
  };
})();
