/** Lists of points: picture, name, and a word beside it. A click goes there. */

import { button, element } from "../dom.js";
import { thumbnail } from "../thumbnail.js";

/**
 * @typedef {import("../app.js").App} App
 * @param {App} app
 * @param {{index: number, beside?: string, both?: boolean}[]} entries `both`: common to two lists
 * @param {{label: string, pictures?: boolean, go?: boolean}} how
 */
export function points(app, entries, { label, pictures = true, go = true }) {
  const rows = entries.map(({ index, beside, both }) => {
    const row = button("", () => app.select(index, { go }).catch((error) => app.fail(error)), { class: both ? "row both" : "row" });
    const picture = pictures ? thumbnail(app, index, 36) : null;
    if (picture) row.append(picture);
    row.append(element("span", { class: "name", text: app.name(index), dir: "auto" }));
    if (both) row.append(element("span", { class: "tag", text: "both" }));
    if (beside) row.append(element("span", { class: "beside", text: beside }));
    return element("li", {}, row);
  });
  return element("ol", { class: "points-list", "aria-label": label }, ...rows);
}

/** Lists of the nearest in every space, beside each other; those common to all are marked. @param {App} app @param {{index: number, cosine: number}[][]} lists @param {string} label */
export function nearest(app, lists, label) {
  const common = new Set(lists[0].map((one) => one.index).filter((index) => lists.length > 1 && lists.every((list) => list.some((one) => one.index === index))));
  const columns = lists.map((list, s) => {
    const entries = list.map(({ index, cosine }) => ({ index, beside: cosine.toFixed(3), both: common.has(index) }));
    const name = app.manifest.spaces[s].name;
    const made = points(app, entries, { label: lists.length > 1 ? `${label}, ${name}` : label, go: false });
    return element("div", {}, lists.length > 1 ? element("h4", { text: name }) : null, made);
  });
  const note = lists.length > 1 ? element("p", { class: "hint", text: `${common.size} of ${lists[0].length} are common to both.` }) : null;
  return element("div", {}, element("div", { class: lists.length > 1 ? "two" : "" }, ...columns), note);
}
