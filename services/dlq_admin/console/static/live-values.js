// Panels that show one value, a few values, a table of values, or text.
"use strict";

(() => {
  const calcOf = (definition) => ((((definition.options || {}).reduceOptions || {}).calcs || [])[0]) || "lastNotNull";

  function sparkline(canvas, values, colour) {
    const [width, height] = [canvas.parentElement.clientWidth, Math.round(canvas.parentElement.clientHeight * 0.34)];
    const known = values.filter((value) => value !== null);
    if (known.length < 2 || height < 8) return void (canvas.hidden = true);
    canvas.hidden = false;
    const context = Live.sized(canvas, width, height);
    const [low, high] = [Math.min(0, ...known), Math.max(...known)];
    const y = (value) => height - 1 - ((value - low) / (high - low || 1)) * (height - 4);
    context.beginPath();
    let begun = null;
    values.forEach((value, at) => {
      if (value === null) return;
      const x = (at / (values.length - 1)) * width;
      if (begun === null) (begun = x), context.moveTo(x, y(value));
      else context.lineTo(x, y(value));
    });
    context.strokeStyle = Live.faint(colour, 0.75);
    context.lineWidth = 1.2;
    context.stroke();
    context.lineTo(width, height);
    context.lineTo(begun, height);
    context.fillStyle = Live.faint(colour, 0.14);
    context.fill();
  }

  Live.kinds.stat = (panel) => {
    const { definition, box } = panel;
    const options = definition.options || {};
    const row = Live.element("div", `stats${options.orientation === "vertical" ? " down" : ""}`);
    box.append(row);
    let shown = null;

    function one(field, series, several) {
      const value = Live.reduce(series.values, calcOf(definition));
      const colour = (field.color || {}).mode === "fixed" && !Live.mapped(field, value) ? field.color.fixedColor : Live.valueColour(field, value);
      const cell = Live.element("div", "stat");
      const [mode, text] = [options.colorMode || "value", options.textMode || "auto"];
      const parts = text === "name" ? [field.name, ""] : Live.parts(field, value);
      if (mode.startsWith("background") && colour) cell.style.background = Live.tint(colour);
      if (text === "value_and_name" || (text === "auto" && several)) cell.append(Live.element("span", "of", field.name));
      if (text !== "none") {
        const number = Live.element("b", "value", parts[0]);
        if (parts[0].length > 9) number.classList.add("long");
        if (parts[1]) number.append(Live.element("small", "", parts[1]));
        if (mode !== "none" && colour && value !== null) number.style.color = Live.ink(colour);
        if (value === null && !Live.mapped(field, null)) number.classList.add("none");
        cell.append(number);
      }
      row.append(cell);
      if ((options.graphMode || "none") === "area" && series.values.length > 1) {
        const canvas = Live.element("canvas");
        canvas.setAttribute("aria-hidden", "true");
        cell.append(canvas);
        cell.classList.add("lined");
        sparkline(canvas, series.values, Live.colour(colour));
      }
    }

    return {
      update(data) {
        shown = data;
        row.replaceChildren();
        const all = data.series.length ? data.series : [{ name: "", ref: "A", labels: {}, values: [null] }];
        row.classList.toggle("several", all.length > 1);
        all.forEach((series, at) => one(Live.field(definition, series, at), series, all.length > 1));
      },
      redraw() {
        if (shown) this.update(shown);
      },
    };
  };

  Live.kinds.gauge = Live.kinds.stat;

  Live.kinds.bargauge = (panel) => {
    const { definition, box } = panel;
    const rows = Live.element("div", "gauges");
    box.append(rows);
    let shown = null;
    return {
      update(data) {
        shown = data;
        rows.replaceChildren();
        const all = data.series.map((series, at) => {
          const field = Live.field(definition, series, at);
          return { field, value: Live.reduce(series.values, calcOf(definition)) };
        });
        const most = Math.max(...all.map(({ field }) => field.max ?? -Infinity), ...(all.some(({ field }) => field.max !== undefined) ? [] : all.map(({ value }) => value ?? 0)));
        for (const { field, value } of all) {
          const line = Live.element("div", "gauge");
          const bar = Live.element("div", "bar-of");
          const part = Live.element("i");
          const least = field.min ?? 0;
          const colour = value === null ? null : (field.color || {}).mode === "fixed" ? field.color.fixedColor : Live.valueColour({ ...field, max: field.max ?? most }, value);
          part.style.width = `${Math.max(0, Math.min(1, ((value ?? least) - least) / (most - least || 1))) * 100}%`;
          part.style.background = Live.colour(colour);
          bar.append(part);
          line.append(Live.element("span", "of", field.name), bar, Live.element("em", "", Live.text(field, value)));
          rows.append(line);
        }
      },
      redraw() {
        if (shown) this.update(shown);
      },
    };
  };

  // --- tables: a row for each set of labels, a column for each label and each query ---------------------------------
  const sorting = (key, order) => (one, two) => {
    const [left, right] = [one[key], two[key]];
    const found = typeof left === "number" && typeof right === "number" ? left - right : String(left ?? "").localeCompare(String(right ?? ""));
    return order * found;
  };

  function grid(definition, series) {
    const refs = [...new Set(series.map((one) => one.ref))];
    const valueOf = (ref) => (refs.length > 1 ? `Value #${ref}` : "Value");
    let keep = (row) => row;
    const transformations = (definition.transformations || []).filter((each) => !each.disabled);
    const joined = transformations.find((each) => each.id === "joinByField" || each.id === "joinByLabels");
    const by = joined && (joined.options.byField || (joined.options.join || [])[0]);
    const rows = new Map();
    for (const one of series) {
      const labels = Object.fromEntries(Object.entries(one.labels).filter(([name]) => name !== "__name__"));
      const key = by ? labels[by] : JSON.stringify(Object.entries(labels).sort());
      const row = rows.get(key) || rows.set(key, {}).get(key);
      for (const [name, value] of Object.entries(labels)) row[name] ??= value;
      row[valueOf(one.ref)] = Live.reduce(one.values, "lastNotNull");
    }
    let found = [...rows.values()].map(keep);
    let columns = [...new Set(series.flatMap((one) => Object.keys(one.labels)).filter((name) => name !== "__name__")), ...refs.map(valueOf)];
    const names = {};
    for (const { id, options } of transformations) {
      if (id === "groupingToMatrix") {
        const { columnField, rowField, valueField } = options;
        const matrix = new Map();
        for (const row of found) {
          const one = matrix.get(row[rowField]) || matrix.set(row[rowField], { [rowField]: row[rowField] }).get(row[rowField]);
          one[row[columnField]] = row[valueField] ?? row[valueField.replace(/ #.*$/, "")];
        }
        columns = [rowField, ...new Set(found.map((row) => row[columnField]))];
        found = [...matrix.values()];
      }
      if (id === "organize") {
        const { excludeByName = {}, indexByName = {}, renameByName = {}, includeByName = {} } = options;
        const wanted = Object.keys(includeByName).filter((name) => includeByName[name]);
        columns = columns.filter((name) => !excludeByName[name] && (!wanted.length || wanted.includes(name)));
        columns.sort((one, two) => (indexByName[one] ?? 99) - (indexByName[two] ?? 99));
        Object.assign(names, Object.fromEntries(Object.entries(renameByName).filter(([, name]) => name)));
      }
      if (id === "sortBy") for (const { field, desc } of [...options.sort].reverse()) found.sort(sorting(field, desc ? -1 : 1));
      if (id === "limit") found = found.slice(0, Number(options.limitField) || 10);
      if (id === "filterFieldsByName" && options.include) columns = columns.filter((name) => (options.include.names || []).includes(name));
    }
    return { columns: columns.map((name) => ({ key: name, name: names[name] || name })), rows: found };
  }

  Live.kinds.table = (panel) => {
    const { definition, box, title } = panel;
    const scroll = Live.element("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", title);
    box.append(scroll);
    let shown = null;

    function cell(field, value) {
      const numeric = typeof value === "number" || value === null || value === undefined;
      const made = Live.element("td", numeric ? "num" : "", Live.text(field, value ?? null));
      const wanted = field.custom.cellOptions || {};
      const kind = wanted.type || "auto";
      const colour = value === null || value === undefined ? null : typeof value === "number" ? Live.valueColour(field, value) : (Live.mapped(field, value) || {}).color;
      if (kind === "color-background" && colour) {
        made.style.background = Live.tint(colour);
        made.style.color = Live.ink(colour);
      } else if (kind === "color-text" && colour) made.style.color = Live.ink(colour);
      if (value === null || value === undefined) made.classList.add("none");
      return made;
    }

    return {
      update(data) {
        shown = data;
        const { columns, rows } = grid(definition, data.series);
        const fields = columns.map((column, at) => ({ ...Live.field(definition, { name: column.name, ref: "" }, at), key: column.key }));
        const visible = fields.filter((field) => !field.custom.hidden && !(field.custom.hideFrom || {}).viz);
        const by = ((definition.options || {}).sortBy || [])[0];
        const sorted = by && fields.find((field) => field.name === by.displayName);
        if (sorted) rows.sort(sorting(sorted.key, by.desc ? -1 : 1));
        const table = Live.element("table");
        const head = table.createTHead().insertRow();
        for (const field of visible) {
          const name = Live.element("th", rows.some((row) => typeof row[field.key] === "number") ? "num" : "", field.name);
          name.scope = "col";
          head.append(name);
        }
        const body = table.createTBody();
        for (const row of rows.slice(0, 100)) {
          const line = body.insertRow();
          for (const field of visible) line.append(cell(field, row[field.key]));
        }
        const fresh = scroll.cloneNode();
        if (rows.length) fresh.append(table);
        put(scroll, fresh);
      },
      redraw() {
        if (shown) this.update(shown);
      },
    };
  };

  // --- text: paragraphs, lists, emphasis, code and links of Markdown; HTML is not interpreted -------------------------
  const INLINE = /\*\*(.+?)\*\*|`(.+?)`|\[(.+?)\]\((.+?)\)|\*(.+?)\*/g;
  const address = (value) => {
    const ours = /^\/d\/([\w-]+)/.exec(value);
    if (ours) return `/console/live/${ours[1]}`;
    return /^(https?:\/\/|\/(?!\/))/.test(value) ? value : null;
  };
  function inline(text, into) {
    let from = 0;
    for (const found of text.matchAll(INLINE)) {
      into.append(text.slice(from, found.index));
      const [all, strong, code, words, to, soft] = found;
      if (strong) inline(strong, into.appendChild(Live.element("strong")));
      else if (code) into.append(Live.element("code", "", code));
      else if (soft) inline(soft, into.appendChild(Live.element("em")));
      else {
        const link = Live.element(address(to) ? "a" : "span", "", words);
        if (address(to)) link.href = address(to);
        into.append(link);
      }
      from = found.index + all.length;
    }
    into.append(text.slice(from));
    return into;
  }
  Live.markdown = (content, into) => {
    for (const block of content.split(/\n\s*\n/)) {
      const lines = block.split("\n").filter((line) => line.trim());
      if (!lines.length) continue;
      const heading = /^#{1,6}\s+(.*)$/.exec(lines[0]);
      if (heading) inline(heading[1], into.appendChild(Live.element("h4"))), lines.shift();
      if (lines.every((line) => /^\s*\|.*\|\s*$/.test(line)) && lines.length > 1) {
        const table = into.appendChild(Live.element("table"));
        for (const line of lines.filter((each) => !/^[\s|:-]+$/.test(each))) {
          const row = table.insertRow();
          for (const part of line.trim().slice(1, -1).split("|")) inline(part.trim(), row.insertCell());
        }
      } else if (lines.length && lines.every((line) => /^\s*([-*]|\d+\.)\s/.test(line))) {
        const list = into.appendChild(Live.element(/^\s*\d/.test(lines[0]) ? "ol" : "ul"));
        for (const line of lines) inline(line.replace(/^\s*([-*]|\d+\.)\s+/, ""), list.appendChild(Live.element("li")));
      } else if (lines.length) inline(lines.join(" "), into.appendChild(Live.element("p")));
    }
  };
  Live.kinds.text = (panel) => {
    const words = Live.element("div", "words");
    Live.markdown((panel.definition.options || {}).content || "", words);
    panel.box.append(words);
    return { update() {}, redraw() {} };
  };
})();
