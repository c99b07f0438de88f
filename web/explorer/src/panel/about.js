/** What this page is, what is to be known of it, whose work is in it. */

import licences from "licences";
import { counted, element, grouped } from "../dom.js";

/** @param {import("../app.js").App} app */
export function aboutPanel(app) {
  const { title, n, total, sample, samples, spaces, planes, notes, selfsup } = app.manifest;
  const shown = total > n ? `${grouped(n)} of ${counted(total, sample, samples)}` : counted(n, sample, samples);
  const facts = [
    ["Shown", shown],
    ["Vectors", spaces.map((space) => `${space.name}: ${space.dim} numbers each`).join("; ")],
    ["Maps", planes.map((plane) => (plane.note ? `${plane.name} (${plane.note})` : plane.name)).join("; ")],
    ["Made by", `selfsup ${selfsup}`],
  ];
  const exact = "Cosines are of vectors kept in 8 bits a number, so their third decimal may differ from the vectors themselves. This page asks nothing of the network.";
  return element(
    "div",
    {},
    element("h2", { text: title, dir: "auto" }),
    element("dl", { class: "values" }, ...facts.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })])),
    ...notes.map((note) => element("p", { class: "note", text: note })),
    element("p", { class: "hint", text: exact }),
    element("details", {}, element("summary", { text: "Licences of what this page is built on" }), element("pre", { tabindex: 0, "aria-label": "Licences", text: licences })),
  );
}
