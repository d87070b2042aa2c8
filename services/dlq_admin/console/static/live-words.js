// The text and colour of a value: units, thresholds, mappings and overrides, as Grafana's files define them.
"use strict";

const Live = { kinds: {} };

(() => {
  const BASE = ["green", "yellow", "orange", "red", "purple", "blue", "gray"];
  const PALETTE = ["blue", "orange", "green", "purple", "yellow", "teal", "red", "gray"];
  const SHADES = { "super-light-": ["--card", 0.6], "light-": ["--card", 0.38], "semi-dark-": ["--ink", 0.18], "dark-": ["--ink", 0.36] };

  // The names of the colours in Grafana's palette, so that the page can use its own tones.
  const KNOWN = {
    "#3274D9": "blue", "#5794F2": "blue", "#8AB8FF": "light-blue", "#1F60C4": "dark-blue", "#E02F44": "red", "#F2495C": "red", "#FF7383": "light-red",
    "#F2CC0C": "yellow", "#FADE2A": "yellow", "#FFEE52": "light-yellow", "#E0B400": "dark-yellow", "#FF780A": "orange", "#FF9830": "orange",
    "#B877D9": "purple", "#A352CC": "dark-purple", "#73BF69": "green", "#56A64B": "green", "#37872D": "dark-green", "#8E8E8E": "gray",
  };
  const named = (value) => KNOWN[(value || "").toUpperCase()] || value || "";

  Live.style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const rgb = (hex) => {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
    return [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16));
  };
  const mixed = (hex, other, share) => {
    const [one, two] = [rgb(hex), rgb(other)];
    return "#" + one.map((part, at) => Math.round(part + (two[at] - part) * share).toString(16).padStart(2, "0")).join("");
  };

  // Return the colour of a line or an area: Grafana's names in the console's tones, for the light or the dark page.
  Live.colour = (value) => {
    const name = named(value);
    if (!name) return Live.style("--g-blue");
    if (name.startsWith("#") || name.startsWith("rgb")) return name;
    if (name === "transparent") return "rgba(0, 0, 0, 0)";
    if (name === "text") return Live.style("--ink");
    const shade = Object.keys(SHADES).find((each) => name.startsWith(each)) || "";
    const base = name.slice(shade.length);
    const plain = Live.style(`--g-${base}`) || Live.style("--g-blue");
    return shade ? mixed(plain, Live.style(SHADES[shade][0]), SHADES[shade][1]) : plain;
  };
  Live.faint = (colour, share) => {
    if (!colour.startsWith("#")) return colour;
    return `rgba(${rgb(colour).join(", ")}, ${share})`;
  };
  // Return the colour of text, which must be readable on a card.
  Live.ink = (value) => {
    const name = named(value);
    if (!name || name === "text" || name === "transparent") return "var(--ink)";
    const base = BASE.find((each) => name.endsWith(each));
    return base ? `var(--i-${base})` : name;
  };
  Live.tint = (value) => {
    const base = BASE.find((each) => named(value).endsWith(each));
    return base ? `color-mix(in srgb, var(--g-${base}) 16%, var(--card))` : "none";
  };

  // --- the definition of a field: its defaults, with overrides applied ----------------------------------------------
  const put = (field, path, value) => {
    const names = path.split(".");
    const last = names.pop();
    const place = names.reduce((within, name) => (within[name] = { ...within[name] }), field);
    place[last] = value;
  };
  const pattern = (text) => {
    const parts = /^\/(.*)\/([a-z]*)$/.exec(text);
    return parts ? new RegExp(parts[1], parts[2]) : new RegExp(`^(?:${text})$`);
  };
  const MATCH = {
    byName: (options, one) => one.name === options,
    byNames: (options, one) => (options.names || []).includes(one.name),
    byRegexp: (options, one) => pattern(options).test(one.name),
    byFrameRefID: (options, one) => one.ref === options,
  };
  Live.field = (value, one, at) => {
    const config = value.fieldConfig || {};
    const field = { custom: {}, ...structuredClone(config.defaults || {}) };
    for (const each of config.overrides || []) {
      const matches = MATCH[each.matcher.id];
      if (matches && matches(each.matcher.options, one)) {
        for (const property of each.properties) put(field, property.id, property.value);
      }
    }
    field.name = field.displayName || one.name;
    field.at = at;
    return field;
  };
  // Return the colour name of a whole series: fixed, by its last value, or the next of the palette.
  Live.colourName = (field, value) => {
    const colour = field.color || {};
    if (colour.mode === "fixed" || (colour.mode === "shades" && colour.fixedColor)) return colour.fixedColor;
    if (colour.mode === "thresholds" && field.thresholds) return Live.threshold(field, value);
    // A colour chosen by the series' name is the same in every chart.
    const sum = [...field.name].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 65521, 7);
    return PALETTE[(colour.mode === "palette-classic-by-name" ? sum : field.at) % PALETTE.length];
  };

  // --- thresholds, mappings -----------------------------------------------------------------------------------------
  Live.threshold = (field, value) => {
    const { steps = [], mode } = field.thresholds || {};
    const [min, max] = [field.min ?? 0, field.max ?? 100];
    const measured = mode === "percentage" ? ((value - min) / (max - min || 1)) * 100 : value;
    let name = (steps[0] || {}).color || "green";
    for (const step of steps) if (step.value === null || step.value === undefined || measured >= step.value) name = step.color;
    return name;
  };
  Live.mapped = (field, value) => {
    for (const { type, options } of field.mappings || []) {
      if (type === "value" && value !== null && options[String(value)]) return options[String(value)];
      if (type === "range" && value !== null && value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
      if (type === "special" && value === null && /null|nan|empty/.test(options.match)) return options.result;
      if (type === "regex" && value !== null && pattern(options.pattern).test(String(value))) return options.result;
    }
    return null;
  };
  Live.valueColour = (field, value) => {
    const found = Live.mapped(field, value);
    if (found && found.color) return found.color;
    if (value === null) return null;
    return (field.color || {}).mode === "fixed" ? field.color.fixedColor : Live.threshold(field, value);
  };

  // --- numbers ------------------------------------------------------------------------------------------------------
  const AFTER = {
    reqps: " req/s", ops: " ops/s", cps: "/s", wps: " writes/s", rps: " reads/s", eps: " events/s", mps: " msg/s",
    rowsps: " rows/s", iops: " io/s", opm: " ops/min", cpm: "/min", hertz: " Hz",
  };
  const trimmed = (value, decimals) => {
    const size = Math.abs(value);
    const digits = decimals ?? (size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3);
    const text = value.toLocaleString("en-US", { maximumFractionDigits: Math.min(digits, 10), minimumFractionDigits: decimals ?? 0, useGrouping: true });
    return text === "-0" ? "0" : text;
  };
  const scaled = (value, step, names, decimals, gap) => {
    let [at, size] = [0, value];
    while (Math.abs(size) >= step && at < names.length - 1) [at, size] = [at + 1, size / step];
    return [trimmed(size, decimals), names[at] && gap + names[at]];
  };
  const TIMES = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
  const lasting = (seconds, decimals) => {
    if (seconds === 0) return ["0", " s"];
    const [size, name] = TIMES.find(([each]) => Math.abs(seconds) >= (each > 1 ? 2 * each : each)) || TIMES[TIMES.length - 1];
    return [trimmed(seconds / size, decimals), ` ${name}`];
  };
  const isLocal = () => localStorage.getItem("times") === "local";
  Live.zone = () => (isLocal() ? "local time" : "UTC");
  const clock = (ms) => (isLocal() ? new Date(ms).toTimeString().slice(0, 8) : new Date(ms).toISOString().slice(11, 19));
  const since = (ms) => {
    const [number, unit] = lasting(Math.max(0, Math.round((Live.now() - ms) / 1000)), 0);
    return [number + unit, " ago"];
  };
  const UNITS = {
    none: (value, decimals) => [trimmed(value, decimals), ""],
    locale: (value, decimals) => [trimmed(value, decimals), ""],
    short: (value, decimals) => scaled(value, 1000, ["", "k", "M", "G"], decimals, " "),
    percent: (value, decimals) => [trimmed(value, decimals), "%"],
    percentunit: (value, decimals) => [trimmed(value * 100, decimals), "%"],
    s: lasting,
    dtdurations: lasting,
    dtdhms: lasting,
    clocks: lasting,
    ms: (value, decimals) => lasting(value / 1000, decimals),
    bytes: (value, decimals) => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], decimals, " "),
    decbytes: (value, decimals) => scaled(value, 1000, ["B", "kB", "MB", "GB", "TB"], decimals, " "),
    Bps: (value, decimals) => scaled(value, 1000, ["B/s", "kB/s", "MB/s", "GB/s"], decimals, " "),
    binBps: (value, decimals) => scaled(value, 1024, ["B/s", "KiB/s", "MiB/s", "GiB/s"], decimals, " "),
    bool: (value) => [value ? "True" : "False", ""],
    bool_yes_no: (value) => [value ? "yes" : "no", ""],
    bool_on_off: (value) => [value ? "on" : "off", ""],
    dateTimeFromNow: since,
    dateTimeAsIso: (value) => [clock(value), ""],
    dateTimeAsIsoNoDateIfToday: (value) => [clock(value), ""],
  };
  // Return [number, unit], which may be shown in different sizes.
  Live.parts = (field, value) => {
    const found = Live.mapped(field, value);
    if (found && found.text !== undefined && found.text !== "") return [found.text, ""];
    if (value === null || value === undefined) return [field.noValue || "no data", ""];
    if (typeof value === "string") return [value, ""];
    const unit = field.unit || "none";
    if (UNITS[unit]) return UNITS[unit](value, field.decimals ?? undefined);
    if (unit.startsWith("prefix:")) return [unit.slice(7) + trimmed(value, field.decimals ?? undefined), ""];
    const after = unit.startsWith("suffix:") ? ` ${unit.slice(7).trim()}` : AFTER[unit] ?? ` ${unit}`;
    const [number, size] = scaled(value, 1000, ["", "k", "M", "G"], field.decimals ?? undefined, " ");
    return [number, size + after];
  };
  Live.text = (field, value) => Live.parts(field, value).join("");

  // --- many values reduced to one -----------------------------------------------------------------------------------
  const REDUCE = {
    lastNotNull: (known) => known[known.length - 1], firstNotNull: (known) => known[0], first: (known) => known[0],
    max: (known) => Math.max(...known), min: (known) => Math.min(...known),
    sum: (known) => known.reduce((one, two) => one + two, 0),
    mean: (known) => known.reduce((one, two) => one + two, 0) / known.length,
    range: (known) => Math.max(...known) - Math.min(...known), diff: (known) => known[known.length - 1] - known[0],
    count: (known) => known.length,
  };
  Live.REDUCED = { lastNotNull: "now", last: "now", max: "max", min: "min", mean: "mean", sum: "sum", range: "range", first: "first", firstNotNull: "first", diff: "change", count: "count" };
  Live.reduce = (values, calc) => {
    if (calc === "last") return values[values.length - 1] ?? null;
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return null;
    return (REDUCE[calc] || REDUCE.lastNotNull)(known);
  };

  Live.element = (tag, kind, text) => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  Live.clock = (seconds) => clock(seconds * 1000);
  Live.now = () => Live.nowMs ?? Date.now();
})();
