/** a is to b as c is to ?: the nearest to the unit vector of b - a + c, without a, b and c. */

import { element, fill } from "../dom.js";
import { nearest } from "./list.js";

/** @param {import("../app.js").App} app */
export function analogiesPanel(app) {
  const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ hint) => {
    const input = element("input", { id, type: "text", placeholder: hint, autocomplete: "off", spellcheck: "false", dir: "auto" });
    return { input, box: element("span", { class: "word" }, element("label", { for: id, text: label }), input) };
  };
  const [a, b, c] = [field("word-a", "a", "man"), field("word-b", "is to b", "king"), field("word-c", "as c", "woman")];
  const sum = element("input", { id: "sum", type: "text", placeholder: "king - man + woman", autocomplete: "off", spellcheck: "false", dir: "auto" });
  const answer = element("div", { "aria-live": "polite" });
  const ask = async (/** @type {string} */ text) => {
    try {
      const { near } = await app.analogy(text);
      fill(answer, element("h3", { text: `Nearest to ${text.trim()}`, dir: "auto" }), nearest(app, near, `Nearest to ${text.trim()}`));
    } catch (error) {
      fill(answer, element("p", { class: "hint bad", text: error instanceof Error ? error.message : String(error) }));
    }
  };
  const three = (/** @type {Event} */ event) => {
    event.preventDefault();
    const [x, y, z] = [a, b, c].map(({ input }) => input.value.trim());
    if (!x || !y || !z) return fill(answer, element("p", { class: "hint bad", text: "Type three words: a is to b as c is to ?" }));
    sum.value = `${y} - ${x} + ${z}`;
    return ask(sum.value);
  };
  const any = (/** @type {Event} */ event) => {
    event.preventDefault();
    ask(sum.value);
  };
  return element(
    "div",
    {},
    element("h2", { text: "Analogies" }),
    element("form", { class: "analogy", on: { submit: three } }, a.box, b.box, c.box, element("button", { type: "submit", class: "main", text: "is to ?" })),
    element("form", { class: "field", on: { submit: any } }, element("label", { for: "sum", text: "or any sum of words" }), element("span", { class: "row-of" }, sum, element("button", { type: "submit", text: "Nearest" }))),
    answer,
  );
}
