/** What the search found. */

import { button, counted, element, fill, grouped } from "../dom.js";
import { points } from "./list.js";

const LISTED = 200;

/** @param {import("../app.js").App} app */
export function findPanel(app) {
  const box = element("div", {});
  const draw = () => {
    if (!app.hits) {
      fill(box, element("p", { class: "hint", text: "Search above, by name or by value:" }), examples(app));
      return;
    }
    const { count, found, why, whys, text } = app.hits;
    const { sample, samples } = app.manifest;
    const head = element("h2", { text: `${counted(count, sample, samples)} for \u201c${text.trim()}\u201d` });
    if (!count) {
      fill(box, head, element("p", { class: "hint", text: "Nothing has this name or value. A part of a name will do; capitals do not matter." }), examples(app));
      return;
    }
    const entries = Array.from(found.subarray(0, LISTED), (index, k) => ({ index, beside: why[whys[k]] === "name" ? "" : (app.column(why[whys[k]])?.text(index) ?? "") }));
    const buttons = element(
      "p",
      { class: "row-of" },
      button(count === 1 ? "Select it" : `Select all ${grouped(count)}`, () => app.setSelection(Array.from(found).sort((a, b) => a - b), `found for ${text.trim()}`)),
      button("Clear the search", () => app.tell("clear-search")),
    );
    const more = count > LISTED ? element("p", { class: "hint", text: `The first ${LISTED} are listed; all are marked on the map.` }) : null;
    fill(box, head, buttons, more, points(app, entries, { label: "Found" }));
  };
  app.on("hits names columns", draw);
  draw();
  return box;
}

/** Searches that this page can answer. @param {import("../app.js").App} app */
function examples(app) {
  const texts = [];
  if (app.names) texts.push(app.name(Math.min(app.n - 1, 10)));
  const classes = app.columns.find((column) => column.kind === "class" && column.classes.length);
  const numbers = app.columns.find((column) => column.kind === "number");
  if (classes) texts.push(`${classes.name} = ${classes.classes[0]}`);
  if (numbers) texts.push(`${numbers.name} > ${Number(((numbers.low + numbers.high) / 2 || 0).toPrecision(2))}`);
  if (classes && numbers) texts.push(`${texts[texts.length - 1]} and ${classes.name} = ${classes.classes[0]}`);
  return element("ul", { class: "chips" }, ...texts.map((text) => element("li", {}, button(text, () => app.tell("ask-search", text), { class: "chip" }))));
}
