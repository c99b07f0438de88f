/** The point that was clicked: its picture, its values, its nearest neighbours. */

import { button, element, fill } from "../dom.js";
import { thumbnail } from "../thumbnail.js";
import { nearest } from "./list.js";

/** @param {import("../app.js").App} app */
export function pointPanel(app) {
  const box = element("div", { class: "point" });
  const near = element("div", {});
  const draw = () => {
    const index = app.point;
    if (index === null) {
      const hint = `Click a point to see its values and its nearest ${app.manifest.samples}. Shift and drag, or the lasso, selects many.`;
      fill(box, element("p", { class: "hint", text: hint }), ...notes(app));
      return;
    }
    const name = app.name(index);
    const go = button("Show on the map", () => app.tell("go", index));
    const close = button("Close", () => app.select(null));
    fill(box, element("h2", { text: name, dir: "auto", class: "title" }), large(app, index, name), values(app, index), element("p", { class: "row-of" }, go, close), element("h3", { text: "Nearest neighbours" }), near);
    neighbours();
  };
  const neighbours = () => {
    if (app.point === null) return;
    if (app.near.length) fill(near, nearest(app, app.near, `Neighbours of ${app.name(app.point)}`));
    else fill(near, element("p", { class: "hint", text: app.vectors === "ready" ? "Looking for them." : app.vectors === "waiting" ? "They can be asked when the vectors have been read." : app.vectors }));
  };
  app.on("point names columns sprites", draw);
  app.on("near vectors", neighbours);
  draw();
  return box;
}

/** @param {import("../app.js").App} app */
function notes(app) {
  return app.manifest.notes.map((note) => element("p", { class: "hint note", text: note }));
}

/** The picture in full where a server has it, else its thumbnail. @param {import("../app.js").App} app @param {number} index @param {string} name */
function large(app, index, name) {
  const small = thumbnail(app, index, 192, `Picture of ${name}`);
  if (!small || !app.manifest.originals) return small && element("div", { class: "picture" }, small);
  const box = element("div", { class: "picture" });
  const full = element("img", { src: `picture/${index}`, alt: `Picture of ${name}` });
  full.addEventListener("error", () => fill(box, small, element("p", { class: "hint", text: "The picture itself has moved or cannot be read; this is its thumbnail." })));
  box.append(full);
  return box;
}

/** @param {import("../app.js").App} app @param {number} index */
function values(app, index) {
  if (!app.columns.length) return null;
  const pairs = app.columns.flatMap((column) => [element("dt", { text: column.name }), element("dd", { text: column.text(index), dir: "auto" })]);
  const list = element("dl", { class: "values" }, ...pairs);
  if (app.columns.length <= 12) return list;
  return element("details", { open: true }, element("summary", { text: `${app.columns.length} values` }), list);
}
