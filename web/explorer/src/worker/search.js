/** Search by name, by value and by number: "cat", "label = cat", "age > 50 and note: late". */

import { Lines } from "./lines.js";

/**
 * @typedef {{name: string, kind: "class"|"number"|"text", values?: ArrayLike<number>, classes?: string[], bytes?: Uint8Array, offsets?: Uint32Array, lines?: Lines}} Column
 * @typedef {{found: Uint32Array, why: string[], whys: Uint8Array}} Found best first; `why[whys[j]]` says what of a point fits
 */

const TERM = /^(.+?)\s*(<=|>=|!=|==|=|<|>|:)\s*(.*)$/;

/** @param {Column} column @returns {Lines} */
function linesOf(column) {
  return (column.lines ??= new Lines(/** @type {Uint8Array} */ (column.bytes), /** @type {Uint32Array} */ (column.offsets)));
}

/** @type {Object<string, (value: number, bound: number) => boolean>} */
const COMPARE = {
  "<": (value, bound) => value < bound,
  ">": (value, bound) => value > bound,
  "<=": (value, bound) => value <= bound,
  ">=": (value, bound) => value >= bound,
  "=": (value, bound) => value === bound,
  "!=": (value, bound) => value === value && value !== bound,
};

/**
 * Points whose value in a column fits.
 * @param {Column} column @param {string} sign @param {string} wanted @returns {number[]}
 */
function fitting(column, sign, wanted) {
  const values = /** @type {ArrayLike<number>} */ (column.values);
  const found = /** @type {number[]} */ ([]);
  if (column.kind === "number") {
    const bound = Math.fround(Number(wanted));
    const fits = COMPARE[sign === ":" || sign === "==" ? "=" : sign];
    if (wanted.trim() !== "" && bound === bound) for (let i = 0; i < values.length; i++) if (fits(values[i], bound)) found.push(i);
    return found;
  }
  const text = wanted.trim().toLowerCase();
  if (column.kind === "text") {
    const holding = text ? linesOf(column).holding(text) : [];
    if (sign !== "!=") return sign === ":" ? holding : holding.filter((i) => linesOf(column).at(i).toLowerCase() === text);
    const without = new Set(holding);
    for (let i = 0; i < linesOf(column).n; i++) if (!without.has(i)) found.push(i);
    return found;
  }
  const classes = /** @type {string[]} */ (column.classes).map((name) => name.toLowerCase());
  const chosen = new Set();
  classes.forEach((name, k) => {
    const equal = sign === ":" ? name.includes(text) : name === text;
    if (equal !== (sign === "!=")) chosen.add(k);
  });
  for (let i = 0; i < values.length; i++) if (chosen.has(values[i])) found.push(i);
  return found;
}

/**
 * @param {string} text @param {Lines} names @param {Column[]} columns
 * @returns {Found}
 */
export function search(text, names, columns) {
  const query = text.trim();
  const terms = query.split(/\s+and\s+|\s*&\s*/i).map((part) => TERM.exec(part));
  const named = terms.map((term) => term && columns.find((column) => column.name.toLowerCase() === term[1].trim().toLowerCase()));
  if (query && named.every(Boolean)) {
    const lists = terms.map((term, k) => fitting(/** @type {Column} */ (named[k]), /** @type {any} */ (term)[2], /** @type {any} */ (term)[3]));
    const rest = lists.slice(1).map((list) => new Set(list));
    const found = Uint32Array.from(lists[0].filter((i) => rest.every((list) => list.has(i))));
    return { found, why: [query], whys: new Uint8Array(found.length) };
  }
  return free(query, names, columns);
}

/** A text without a sign: in names first, then in classes, then in columns of text. @param {string} query @param {Lines} names @param {Column[]} columns @returns {Found} */
function free(query, names, columns) {
  const lists = query ? [names.holding(query)] : [];
  const why = ["name"];
  for (const kind of ["class", "text"]) {
    for (const column of query && lists.length < 250 ? columns : []) {
      if (column.kind !== kind) continue;
      lists.push(fitting(column, ":", query));
      why.push(column.name);
    }
  }
  const taken = new Uint8Array(names.n);
  const [found, whys] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  lists.forEach((list, k) => {
    for (const i of list) {
      if (taken[i]) continue;
      taken[i] = 1;
      found.push(i);
      whys.push(k);
    }
  });
  return { found: Uint32Array.from(found), why, whys: Uint8Array.from(whys) };
}
