/** What the colours say; classes can be hidden. */

import { element, fill, grouped } from "../dom.js";
import { scaled } from "../colour.js";

/** @param {import("../app.js").App} app */
export function legend(app) {
  const inner = element("div", {});
  const title = element("strong", { dir: "auto" });
  const box = element("section", { class: "legend", "aria-label": "Colours" }, title, inner);
  const draw = () => {
    const { kind, column, entries, low, high, missing } = app.colouring;
    box.hidden = kind === "plain";
    title.textContent = column ? column.name : "";
    if (kind === "number") {
      const stops = Array.from({ length: 9 }, (_, k) => scaled(k / 8)).join(", ");
      const bar = element("div", { class: "scale", style: `background: linear-gradient(to right, ${stops})`, "aria-hidden": "true" });
      fill(inner, element("p", { class: "ends" }, element("span", { text: low }), bar, element("span", { text: high })), missing ? element("span", { class: "hint", text: `grey: ${grouped(missing)} missing` }) : null);
    } else fill(inner, element("ul", {}, ...entries.map((entry) => element("li", {}, row(app, entry)))));
  };
  app.on("colour theme", draw);
  draw();
  return box;
}

/** @param {import("../app.js").App} app @param {import("../colour.js").Entry} entry */
function row(app, entry) {
  const switched = element("input", { type: "checkbox", checked: !app.hidden.has(entry.code), on: { change: () => app.hide(entry.code, !switched.checked) } });
  return element(
    "label",
    {},
    switched,
    element("span", { class: "swatch", style: `background: ${app.colouring.colours[entry.code]}`, "aria-hidden": "true" }),
    element("span", { class: "name", text: entry.name, dir: "auto" }),
    element("span", { class: "beside", text: grouped(entry.count) }),
  );
}
