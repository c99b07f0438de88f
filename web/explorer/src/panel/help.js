/** Keys and gestures, over the page. */

import { button, element } from "../dom.js";

const KEYS = [
  ["drag, arrow keys", "move the map"],
  ["wheel, two fingers, + and -", "closer and farther"],
  ["0", "show all"],
  ["click, or Enter at the cross", "a point and its nearest"],
  ["shift and drag, or l and drag", "lasso; with Ctrl it adds"],
  ["/", "search"],
  ["Escape", "close the point, the search, the selection"],
  ["?", "this help"],
];

export function help() {
  const rows = KEYS.flatMap(([key, what]) => [element("dt", { text: key }), element("dd", { text: what })]);
  const box = element("dialog", { class: "help", "aria-labelledby": "help-title" }, element("h2", { id: "help-title", text: "Keys and gestures" }), element("dl", { class: "values" }, ...rows), button("Close", () => box.close()));
  box.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === box && box.close());
  return box;
}
