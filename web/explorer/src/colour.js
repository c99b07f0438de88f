/** Colour of points: a small code for every point, and a table of colours. */

import { NO_CLASS } from "./columns.js";
import { figure } from "./dom.js";

/** @typedef {import("./columns.js").Column} Column */

/**
 * @typedef {{name: string, count: number, code: number}} Entry of the legend
 * @typedef {{kind: "plain"|"class"|"number", column: Column|null, codes: Uint8Array, colours: string[], entries: Entry[],
 *   low: string, high: string, missing: number}} Colouring `colours[code]` is "#rrggbb"
 */

const NAMED = 20; // classes with a colour of their own
const STEPS = 64; // of a scale
const WHEEL = 10; // --c0 to --c9 of the style

/** Viridis, by nine of its colours: even in lightness, for colour-blind eyes too. */
const SCALE = ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];

/** @param {string} hex @returns {number[]} */
export function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** @param {string} one @param {string} other @param {number} share of the other */
export function mixed(one, other, share) {
  const [a, b] = [rgb(one), rgb(other)];
  return "#" + a.map((value, k) => Math.round(value + (b[k] - value) * share).toString(16).padStart(2, "0")).join("");
}

/** @type {Map<string, string>} */
const known = new Map();

/** A colour of the style, such as "--accent". @param {string} name */
export function styled(name) {
  let value = known.get(name);
  if (value === undefined) known.set(name, (value = getComputedStyle(document.documentElement).getPropertyValue(name).trim()));
  return value;
}

/** Light became dark, or the other way. */
export function forgetStyles() {
  known.clear();
}

/** @param {number} share 0 to 1 */
export function scaled(share) {
  const place = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
  const low = Math.min(Math.floor(place), SCALE.length - 2);
  return mixed(SCALE[low], SCALE[low + 1], place - low);
}

/** Colours of classes: ten, then the same ten nearer to the ink. */
function wheel() {
  const ink = styled("--ink");
  const base = Array.from({ length: WHEEL }, (_, k) => styled(`--c${k}`));
  return [...base, ...base.map((colour) => mixed(colour, ink, 0.45))];
}

/** @param {Column} column @param {number} n @returns {Colouring} */
function byClass(column, n) {
  const values = /** @type {Uint16Array} */ (column.values);
  const counts = new Float64Array(NO_CLASS + 1);
  for (let i = 0; i < n; i++) counts[values[i]]++;
  let shown = column.classes.map((_, k) => k);
  const many = shown.length > NAMED;
  if (many) shown = shown.sort((a, b) => counts[b] - counts[a]).slice(0, NAMED - 1).sort((a, b) => a - b);
  const other = shown.length;
  const none = other + 1;
  const codeOf = new Uint8Array(NO_CLASS + 1).fill(none);
  column.classes.forEach((_, k) => (codeOf[k] = other));
  shown.forEach((k, code) => (codeOf[k] = code));
  const codes = new Uint8Array(n);
  for (let i = 0; i < n; i++) codes[i] = codeOf[values[i]];
  const colours = wheel();
  const entries = shown.map((k, code) => ({ name: column.classes[k], count: counts[k], code }));
  const named = entries.reduce((sum, entry) => sum + entry.count, 0);
  if (many) entries.push({ name: `other (${column.classes.length - shown.length} classes)`, count: n - named - counts[NO_CLASS], code: other });
  if (counts[NO_CLASS]) entries.push({ name: "none", count: counts[NO_CLASS], code: none });
  const table = [...shown.map((_, code) => colours[code]), styled("--other"), styled("--context")];
  return { kind: "class", column, codes, colours: table, entries, low: "", high: "", missing: counts[NO_CLASS] };
}

/** @param {Column} column @param {number} n @returns {Colouring} */
function byNumber(column, n) {
  const values = /** @type {Float32Array} */ (column.values);
  let { low, high } = column;
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    low = Infinity;
    high = -Infinity;
    for (let i = 0; i < n; i++) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  }
  const codes = new Uint8Array(n);
  const span = high - low || 1;
  let missing = 0;
  for (let i = 0; i < n; i++) {
    const share = (values[i] - low) / span;
    if (share === share && Math.abs(share) !== Infinity) codes[i] = Math.min(Math.max(Math.floor(share * STEPS), 0), STEPS - 1);
    else {
      codes[i] = STEPS;
      missing++;
    }
  }
  const colours = Array.from({ length: STEPS }, (_, k) => scaled(k / (STEPS - 1)));
  return { kind: "number", column, codes, colours: [...colours, styled("--context")], entries: [], low: figure(low), high: figure(high), missing };
}

/** @param {Column|null} column @param {number} n @returns {Colouring} */
export function colouring(column, n) {
  if (column?.kind === "class") return byClass(column, n);
  if (column?.kind === "number") return byNumber(column, n);
  return { kind: "plain", column: null, codes: new Uint8Array(n), colours: [styled("--accent")], entries: [], low: "", high: "", missing: 0 };
}
