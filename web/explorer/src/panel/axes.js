/** Axes of one's own: from the mean of group A to the mean of group B. */

import { button, element, fill } from "../dom.js";
import { points } from "./list.js";
import { membersOf } from "./selection.js";

/** @typedef {import("../app.js").App} App */

/** @param {App} app */
export function axesPanel(app) {
  const a = groupField(app, "A", app.manifest.pairs[0]?.[0] || "");
  const b = groupField(app, "B", app.manifest.pairs[0]?.[1] || "");
  const missing = element("p", { class: "hint bad", role: "alert", hidden: true });
  const ends = element("div", {});
  const put = async (/** @type {"x"|"y"} */ place) => {
    try {
      const [from, to] = [await a.group(), await b.group()];
      const lost = [...from.missing, ...to.missing];
      missing.hidden = !lost.length;
      missing.textContent = lost.length ? `Not in this map, so left out: ${lost.join(", ")}.` : "";
      await app.setAxis(from, to, place);
    } catch (error) {
      missing.hidden = false;
      missing.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const pairs = app.manifest.pairs.map(([from, to]) =>
    element("li", {}, button(`${from} \u2192 ${to}`, () => {
      a.set(from);
      b.set(to);
      put("x");
    }, { class: "chip" })),
  );
  const draw = () => {
    fill(ends, ...(/** @type {("x"|"y")[]} */ (["x", "y"])).flatMap((place) => extremes(app, place)));
    back.disabled = !app.axes.x && !app.axes.y;
  };
  const back = button("Back to the map", () => app.clearAxes(), { "data-do": "back" });
  app.on("axes names", draw);
  const form = element(
    "form",
    { on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); put("x"); } } },
    a.box,
    b.box,
    element("p", { class: "row-of" }, element("button", { type: "submit", class: "main", text: "Put on x" }), button("Put on y", () => put("y")), button("Swap A and B", () => {
      const [from, to] = [a.get(), b.get()];
      a.set(to);
      b.set(from);
    }), back),
  );
  const hint = `The axis goes from the mean of A to the mean of B; a point stands where the cosine of its vector with the axis says. Groups: names with commas, the selection, or a class.`;
  draw();
  return element("div", {}, element("h2", { text: "An axis of your own" }), element("p", { class: "hint", text: hint }), pairs.length ? element("ul", { class: "chips", "aria-label": "Pairs to begin with" }, ...pairs) : null, form, missing, ends);
}

/** @param {App} app @param {string} side @param {string} first */
function groupField(app, side, first) {
  /** @type {import("../app.js").Group|null} */
  let taken = null;
  const id = `group-${side}`;
  const input = element("input", { id, type: "text", value: first, autocomplete: "off", spellcheck: "false", dir: "auto", placeholder: app.manifest.words ? "he, him, man" : "names, with commas" });
  input.addEventListener("input", () => (taken = null));
  const take = (/** @type {import("../app.js").Group} */ group) => {
    taken = group;
    input.value = group.label;
  };
  const selection = button("Use selection", () => {
    if (app.selection) take({ label: `selection of ${app.selection.indices.length}`, indices: app.selection.indices });
  });
  const classes = element("select", { "aria-label": `Class for group ${side}` });
  classes.addEventListener("change", () => {
    const [name, k] = JSON.parse(classes.value || "[]");
    const column = name !== undefined && app.column(name);
    if (column) take({ label: column.classes[k], indices: membersOf(column, k) });
    classes.value = "";
  });
  const draw = () => {
    selection.disabled = !app.selection;
    const columns = app.columns.filter((column) => column.kind === "class" && column.classes.length);
    classes.hidden = !columns.length;
    fill(classes, element("option", { value: "", text: "or a class" }), ...columns.map((column) => element("optgroup", { label: column.name }, ...column.classes.slice(0, 500).map((name, k) => element("option", { value: JSON.stringify([column.name, k]), text: name })))));
  };
  app.on("selection columns", draw);
  draw();
  return {
    box: element("div", { class: "field" }, element("label", { for: id, text: `Group ${side}` }), input, element("span", { class: "row-of" }, selection, classes)),
    group: async () => (taken ? { ...taken, missing: [] } : app.group(input.value)),
    get: () => taken || input.value,
    set: (/** @type {import("../app.js").Group|string} */ value) => {
      if (typeof value === "string") {
        taken = null;
        input.value = value;
      } else take(value);
    },
  };
}

/** The points at both ends of an axis. @param {App} app @param {"x"|"y"} place */
function extremes(app, place) {
  const axis = app.axes[place];
  if (!axis) return [];
  const list = (/** @type {number[]} */ indices, /** @type {number} */ s, /** @type {string} */ label) =>
    element("div", {}, element("h4", { text: label, dir: "auto" }), points(app, indices.map((index) => ({ index, beside: axis.values[s][index].toFixed(3) })), { label }));
  return [
    element("h3", { text: `On ${place}: ${axis.a.label} \u2192 ${axis.b.label}` }),
    ...app.manifest.spaces.map((space, s) =>
      element("div", {}, app.manifest.spaces.length > 1 ? element("p", { class: "hint", text: space.name }) : null, element("div", { class: "two" }, list(axis.low[s], s, `towards ${axis.a.label}`), list(axis.high[s], s, `towards ${axis.b.label}`))),
    ),
  ];
}
