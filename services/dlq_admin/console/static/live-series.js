// Lines, areas, bars and stacks over time, drawn by uPlot.
"use strict";

(() => {
  const LEGEND_MOST = 14;

  // --- from Grafana's field options to uPlot's ----------------------------------------------------------------------
  const PATHS = {
    linear: () => uPlot.paths.linear(),
    smooth: () => uPlot.paths.spline(),
    stepAfter: () => uPlot.paths.stepped({ align: 1 }),
    stepBefore: () => uPlot.paths.stepped({ align: -1 }),
  };
  const path = (custom) => {
    if (custom.drawStyle === "bars") return uPlot.paths.bars({ size: [0.9, 24] });
    if (custom.drawStyle === "points") return () => null;
    return (PATHS[custom.lineInterpolation] || PATHS.linear)();
  };
  const stacking = (field) => (field.custom.stacking || {}).mode || "none";

  // Stack each series on top of the series before it; in mode `percent`, as shares of the total.
  const stacked = (fields, values) => {
    const points = values.length ? values[0].length : 0;
    const tops = values.map((each) => each.slice());
    for (let at = 0; at < points; at++) {
      const part = (place) => values[place][at] ?? 0;
      const within = fields.map((field, place) => place).filter((place) => stacking(fields[place]) !== "none");
      const any = within.some((place) => values[place][at] !== null);
      const whole = within.reduce((sum, place) => sum + part(place), 0);
      let sum = 0;
      for (const place of within) {
        sum += part(place);
        const share = stacking(fields[place]) === "percent" ? (whole ? sum / whole : 0) : sum;
        tops[place][at] = any && !(stacking(fields[place]) === "percent" && !whole) ? share : null;
      }
    }
    return tops;
  };
  const inPercent = (fields) => fields.some((field) => stacking(field) === "percent");

  const scaleKey = (field) => (field.custom.axisPlacement === "right" ? "right" : "y");

  const isLog = (fields) => fields.some((field) => (field.custom.scaleDistribution || {}).type === "log");
  // A logarithmic scale with a zero is linear below this decade: the smallest value's, at most three below the largest's.
  const leastDecade = (values) => {
    const known = values.flat().filter((value) => value > 0);
    if (!known.length) return 1;
    const [low, high] = [Math.min(...known), Math.max(...known)].map((value) => Math.floor(Math.log10(value)));
    return 10 ** Math.max(low, high - 3);
  };
  const decades = (least, from, to) => {
    const found = from <= 0 ? [0] : [];
    const few = to / least < 30;
    for (let at = least; at <= to; at *= 10) for (const each of few ? [at, 2 * at, 5 * at] : [at]) if (each >= from && each <= to) found.push(each);
    return found;
  };

  function range(fields, least) {
    const logarithmic = isLog(fields);
    const number = (name) => fields.map((field) => field[name]).find((value) => typeof value === "number");
    const soft = (name) => fields.map((field) => field.custom[name]).find((value) => typeof value === "number");
    const [min, max] = [number("min"), inPercent(fields) ? 1 : number("max")];
    return {
      distr: logarithmic ? 4 : 1,
      asinh: least,
      range: (_, low, high) => {
        if (low === null) [low, high] = [min ?? 0, max ?? 1];
        const floor = Math.min(low, soft("axisSoftMin") ?? low);
        let ceiling = Math.max(high, soft("axisSoftMax") ?? high);
        const from = min ?? (floor >= 0 ? 0 : floor - (ceiling - floor) * 0.08);
        if (ceiling <= from) ceiling = from + 1;
        return [from, max ?? (logarithmic ? ceiling * 1.6 : ceiling + (ceiling - from) * 0.08)];
      },
    };
  }

  // Steps of an axis of durations that match a clock's.
  const MOMENTS = [...[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1].flatMap((size) => [size, 2 * size, 5 * size]), 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800];

  function axis(key, fields, side, least) {
    const field = { ...fields[0], mappings: [] };
    if (inPercent(fields)) Object.assign(field, { unit: "percentunit", decimals: 0 });
    return {
      scale: key, side, gap: 4, space: 26, font: Live.font(11),
      size: (_, labels) => Math.max(40, ...(labels || []).map((label) => Math.ceil(Live.widthOf(label, Live.font(11))) + 14)),
      stroke: () => Live.style("--soft"),
      grid: { show: side === 3, stroke: () => Live.style("--grid"), width: 1 },
      ticks: { show: false },
      ...(field.unit === "s" ? { incrs: MOMENTS } : {}),
      ...(isLog(fields) ? { splits: (_u, _axis, from, to) => decades(least, from, to), filter: (_, splits) => splits } : {}),
      values: (_, splits) => splits.map((value) => (value === null ? "" : Live.text({ ...field, decimals: field.unit === "percentunit" ? undefined : field.decimals }, +value.toPrecision(6)))),
    };
  }

  function thresholdLines(u, fields) {
    const field = fields.find((each) => /line|dashed|area/.test((each.custom.thresholdsStyle || {}).mode || ""));
    if (!field) return;
    const { mode } = field.custom.thresholdsStyle;
    const { left, top, width, height } = u.bbox;
    const [low, high] = [u.scales.y.min, u.scales.y.max];
    u.ctx.save();
    for (const step of field.thresholds.steps) {
      if (step.value === null || step.value === undefined || step.value < low || step.value > high) continue;
      const y = Math.round(u.valToPos(step.value, scaleKey(field), true)) + 0.5;
      const colour = Live.colour(step.color);
      if (mode.includes("area")) {
        u.ctx.fillStyle = Live.faint(colour, 0.07);
        u.ctx.fillRect(left, top, width, Math.max(0, y - top));
      }
      if (mode !== "area") {
        u.ctx.strokeStyle = Live.faint(colour, 0.8);
        u.ctx.lineWidth = devicePixelRatio;
        u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        u.ctx.beginPath();
        u.ctx.moveTo(left, y);
        u.ctx.lineTo(left + width, y);
        u.ctx.stroke();
      }
    }
    u.ctx.restore();
  }

  // uPlot draws in device pixels; marks are drawn in CSS pixels.
  function marks(u, view, bands) {
    const ratio = devicePixelRatio;
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.scale(ratio, ratio);
    Live.marksOn(u.ctx, view, { left: left / ratio, right: (left + width) / ratio, top: top / ratio, bottom: (top + height) / ratio }, bands);
    u.ctx.restore();
  }

  // --- the chart ----------------------------------------------------------------------------------------------------
  Live.kinds.timeseries = (panel) => {
    const { definition, box, title } = panel;
    const place = Live.element("div", "plot");
    const legend = Live.element("div", "legend");
    const tip = Live.tip(box);
    const options = definition.options || {};
    const beside = (options.legend || {}).placement === "right";
    box.classList.toggle("beside", beside);
    box.append(place, legend);
    let [plot, made, shown, fields, values, view] = [null, "", null, [], [], null];
    const only = new Set();

    const height = () => Math.max(60, beside ? box.clientHeight : box.clientHeight - legend.offsetHeight);
    const width = () => Math.max(120, place.clientWidth);

    function build() {
      if (plot) plot.destroy();
      const keys = [...new Set(fields.map(scaleKey))];
      const of = (key) => fields.filter((field) => scaleKey(field) === key);
      const least = leastDecade(values);
      const series = fields.map((field) => {
        const { custom } = field;
        const colour = Live.colour(Live.colourName(field, null));
        const on = stacking(field) !== "none";
        const fill = on ? Math.max(custom.fillOpacity ?? 0, 70) : custom.fillOpacity ?? 0;
        return {
          label: field.name, scale: scaleKey(field), stroke: colour, width: custom.drawStyle === "bars" ? 0 : on ? 1 : custom.lineWidth ?? 1.5,
          fill: fill || custom.drawStyle === "bars" ? Live.faint(colour, (custom.drawStyle === "bars" ? Math.max(fill, 80) : fill) / 100) : undefined,
          dash: (custom.lineStyle || {}).fill === "dash" ? custom.lineStyle.dash || [6, 4] : undefined,
          paths: path(custom), points: { show: custom.drawStyle === "points", size: 4 },
          spanGaps: Boolean(custom.spanNulls), show: !(custom.hideFrom || {}).viz && (!only.size || only.has(field.name)),
        };
      });
      const bands = fields.map((field, at) => at).filter((at) => at > 0 && stacking(fields[at]) !== "none" && stacking(fields[at - 1]) !== "none")
        .map((at) => ({ series: [at + 1, at] }));
      plot = new uPlot({
        width: width(), height: height(), series: [{}, ...series], bands, legend: { show: false },
        padding: [8, keys.includes("right") ? 0 : 12, 0, 0],
        scales: { x: { time: true, range: () => [view.start, view.end] }, ...Object.fromEntries(keys.map((key) => [key, range(of(key), least)])) },
        axes: [
          { font: Live.font(11), stroke: () => Live.style("--soft"), grid: { stroke: () => Live.style("--grid"), width: 1 }, ticks: { show: false }, size: 24, gap: 4,
            splits: () => Live.ticks(view.start, view.end, width() - 74).ticks,
            values: (_, splits) => splits.map((at) => Live.tick(at, Live.ticks(view.start, view.end, width() - 74).step)) },
          ...keys.map((key) => axis(key, of(key), key === "right" ? 1 : 3, least)),
        ],
        cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
        hooks: {
          drawClear: [(u) => marks(u, view, true)],
          draw: [(u) => thresholdLines(u, fields), (u) => marks(u, view, false)],
          setCursor: [(u) => {
            const at = u.cursor.idx;
            if (at === null || at === undefined || u.cursor.left < 0) return tip.hide();
            point(at, u.cursor.left + u.bbox.left / devicePixelRatio);
            Live.pointAt(u.data[0][at], panel);
          }],
        },
      }, contents(), place);
      plot.over.addEventListener("mouseleave", () => (tip.hide(), Live.pointAt(null, panel)));
    }
    const contents = () => [view.times, ...stacked(fields, values)];

    function point(at, left) {
      const rows = Live.happening(view, view.times[at]).map((each) => ({ colour: Live.colour(each.colour), name: each.name, text: "" }));
      fields.forEach((field, place) => {
        if (values[place][at] !== null && plot.series[place + 1].show) rows.push({ colour: plot.series[place + 1].stroke(), name: field.name, text: Live.text(field, values[place][at]) });
      });
      tip.show(Live.clock(view.times[at]), rows, left);
    }

    function names() {
      const wanted = options.legend || {};
      const calcs = wanted.calcs && wanted.calcs.length ? wanted.calcs : ["lastNotNull"];
      const hidden = wanted.showLegend === false || wanted.displayMode === "hidden";
      legend.classList.toggle("table", wanted.displayMode === "table");
      if (hidden) return;
      const fresh = legend.cloneNode();
      const visible = fields.map((field, at) => ({ field, at })).filter(({ field }) => !(field.custom.hideFrom || {}).legend);
      for (const { field, at } of visible.slice(0, LEGEND_MOST)) {
        const one = Live.element("button", "name");
        one.type = "button";
        one.name = field.name;
        one.setAttribute("aria-pressed", String(only.has(field.name)));
        const mark = Live.element("i");
        mark.style.background = Live.colour(Live.colourName(field, null));
        one.append(mark, Live.element("span", "", field.name));
        for (const calc of calcs) {
          const text = Live.text({ ...field, mappings: field.mappings }, Live.reduce(values[at], calc));
          one.append(Live.element("em", "", calcs.length > 1 ? `${Live.REDUCED[calc] || calc} ${text}` : text));
        }
        fresh.append(one);
      }
      if (visible.length > LEGEND_MOST) fresh.append(Live.element("span", "faint", `and ${visible.length - LEGEND_MOST} more`));
      put(legend, fresh);
    }
    legend.addEventListener("click", ({ target }) => {
      const one = target.closest("button");
      if (!one) return;
      if (!only.delete(one.name)) only.add(one.name);
      fields.forEach((each, place) => plot.setSeries(place + 1, { show: !only.size || only.has(each.name) }));
      names();
    });

    Live.listen(panel, (at) => {
      if (!plot) return;
      if (at === null || !view) return void plot.setCursor({ left: -10, top: -10 }, false);
      plot.setCursor({ left: plot.valToPos(at, "x"), top: 0 }, false);
    });

    return {
      update(data, now) {
        view = now;
        fields = data.series.map((one, at) => Live.field(definition, one, at));
        values = data.series.map((one) => one.values);
        place.setAttribute("role", "img");
        place.setAttribute("aria-label", `${title}: ${fields.slice(0, 6).map((field, at) => `${field.name} ${Live.text(field, Live.reduce(values[at], "lastNotNull"))}`).join(", ")}`);
        names();
        const like = JSON.stringify([fields.map((field) => field.name), isLog(fields) && leastDecade(values)]);
        shown = data;
        if (!plot || like !== made) build();
        else plot.setData(contents());
        made = like;
        if (plot.height !== height() || plot.width !== width()) plot.setSize({ width: width(), height: height() });
      },
      redraw() {
        if (shown) (made = "", this.update(shown, view));
      },
    };
  };
})();
