/** What is selected: how many, of what, and to a file. */

import { NO_CLASS } from "../columns.js";
import { csv, names, save } from "../csv.js";
import { button, counted, element, figure, fill } from "../dom.js";
import { points } from "./list.js";

const LISTED = 200;
const BARS = 12;

/** @typedef {import("../app.js").App} App */

/** @param {App} app */
export function selectionPanel(app) {
  const box = element("div", {});
  const draw = () => {
    const { sample, samples } = app.manifest;
    if (!app.selection) {
      const hint = `Nothing is selected. Draw around ${samples} with the lasso (or shift and drag), take what a search found, or a class:`;
      fill(box, element("p", { class: "hint", text: hint }), byClass(app));
      return;
    }
    const { indices, why } = app.selection;
    const shown = indices.slice(0, LISTED).map((index) => ({ index }));
    const more = indices.length > LISTED ? element("p", { class: "hint", text: `The first ${LISTED} are listed.` }) : null;
    fill(
      box,
      element("h2", { text: `${counted(indices.length, sample, samples)} selected` }),
      why ? element("p", { class: "hint", text: why }) : null,
      actions(app, indices),
      composition(app, indices),
      more,
      points(app, shown, { label: "Selected" }),
    );
  };
  app.on("selection colour names columns", draw);
  draw();
  return box;
}

/** @param {App} app @param {number[]} indices */
function actions(app, indices) {
  const invert = () => {
    const inside = new Set(indices);
    app.setSelection(Array.from({ length: app.n }, (_, i) => i).filter((i) => !inside.has(i)), "all others");
  };
  return element(
    "p",
    { class: "row-of" },
    button("Save as CSV", () => save(csv(app, indices), "selection.csv", "text/csv"), { "data-do": "save-csv" }),
    button("Save names", () => save(names(app, indices), "selection.txt", "text/plain"), { "data-do": "save-names" }),
    button("Invert", invert, { "data-do": "invert" }),
    button("Clear", () => app.setSelection(null), { "data-do": "clear" }),
  );
}

/** Select a class of a column. @param {App} app */
function byClass(app) {
  const columns = app.columns.filter((column) => column.kind === "class" && column.classes.length);
  if (!columns.length) return null;
  const select = element("select", { "aria-label": "Select a class" }, element("option", { value: "", text: "Select a class" }));
  columns.forEach((column, c) => {
    const group = element("optgroup", { label: column.name });
    column.classes.slice(0, 500).forEach((name, k) => group.append(element("option", { value: `${c}:${k}`, text: name })));
    select.append(group);
  });
  select.addEventListener("change", () => {
    if (!select.value) return;
    const [c, k] = select.value.split(":").map(Number);
    app.setSelection(membersOf(columns[c], k), `${columns[c].name} = ${columns[c].classes[k]}`);
  });
  return select;
}

/** @param {import("../columns.js").Column} column @param {number} k @returns {number[]} */
export function membersOf(column, k) {
  const members = [];
  const values = /** @type {Uint16Array} */ (column.values);
  for (let i = 0; i < values.length; i++) if (values[i] === k) members.push(i);
  return members;
}

/** The selection beside the whole, by the column that colours. @param {App} app @param {number[]} indices */
function composition(app, indices) {
  const column = app.colouring.column;
  if (!column) return null;
  return column.kind === "class" ? shares(app, column, indices) : quartiles(column, indices);
}

/** @param {App} app @param {import("../columns.js").Column} column @param {number[]} indices */
function shares(app, column, indices) {
  const values = /** @type {Uint16Array} */ (column.values);
  const [here, all] = [new Float64Array(NO_CLASS + 1), new Float64Array(NO_CLASS + 1)];
  for (const i of indices) here[values[i]]++;
  for (let i = 0; i < values.length; i++) all[values[i]]++;
  const present = column.classes.map((_, k) => k).filter((k) => here[k]).sort((a, b) => here[b] - here[a]);
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
  const longest = Math.max(...present.slice(0, BARS).flatMap((k) => [here[k] / indices.length, all[k] / values.length]));
  const rows = present.slice(0, BARS).map((k) => {
    const [mine, whole] = [here[k] / indices.length, all[k] / values.length];
    const colour = app.colouring.entries.find((entry) => entry.name === column.classes[k]);
    const paint = app.colouring.colours[colour ? colour.code : app.colouring.colours.length - 2];
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { style: `width: ${(100 * mine) / longest}%; background: ${paint}` }), element("i", { style: `left: ${(98 * whole) / longest}%` }));
    return element("tr", {}, element("th", { scope: "row", text: column.classes[k], dir: "auto" }), element("td", { class: "wide" }, bar), element("td", { text: percent(mine) }), element("td", { text: percent(whole) }));
  });
  const head = element("tr", {}, element("th", { scope: "col", text: column.name, colspan: 2 }), element("th", { scope: "col", text: "here" }), element("th", { scope: "col", text: "of all" }));
  const rest = present.length > BARS ? element("p", { class: "hint", text: `and ${counted(present.length - BARS, "class", "classes")} more` }) : null;
  return element("div", {}, element("table", { class: "shares" }, element("thead", {}, head), element("tbody", {}, ...rows)), rest);
}

/** @param {import("../columns.js").Column} column @param {number[]} indices */
function quartiles(column, indices) {
  const values = /** @type {Float32Array} */ (column.values);
  const sorted = (/** @type {Float32Array} */ list) => list.filter((value) => Number.isFinite(value)).sort();
  const at = (/** @type {Float32Array} */ list, /** @type {number} */ share) => figure(list.length ? list[Math.round(share * (list.length - 1))] : NaN);
  const lists = [sorted(Float32Array.from(indices, (i) => values[i])), sorted(values)];
  const rows = [["lowest", 0], ["first quarter", 0.25], ["middle", 0.5], ["last quarter", 0.75], ["highest", 1]].map(([name, share]) =>
    element("tr", {}, element("th", { scope: "row", text: name }), ...lists.map((list) => element("td", { text: at(list, Number(share)) }))),
  );
  const head = element("tr", {}, element("th", { scope: "col", text: column.name }), element("th", { scope: "col", text: "here" }), element("th", { scope: "col", text: "of all" }));
  return element("table", { class: "shares" }, element("thead", {}, head), element("tbody", {}, ...rows));
}
