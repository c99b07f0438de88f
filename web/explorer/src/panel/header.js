/** The line above: title, search, which map, which colour. */

import { button, counted, element, fill, grouped } from "../dom.js";
import { planeNames } from "../manifest.js";
import { switchTheme } from "../theme.js";

const PAUSE = 180; // milliseconds without a key before a search

/** @param {import("../app.js").App} app @param {{help: () => void}} open */
export function header(app, open) {
  const { title, n, total, sample, samples } = app.manifest;
  const count = total > n ? `${grouped(n)} of ${counted(total, sample, samples)}` : counted(n, sample, samples);
  const theme = button("Dark", () => switchTheme(app), { "data-do": "theme", "aria-pressed": "false" });
  const dark = () => theme.setAttribute("aria-pressed", String(document.documentElement.dataset.theme === "dark"));
  app.on("theme", dark);
  dark();
  return element(
    "header",
    {},
    element("div", { class: "heading" }, element("h1", { text: title, dir: "auto" }), element("p", { class: "count", text: count })),
    search(app),
    choice("Map", "plane", planes(app), (name) => app.setPlane(name), app),
    choice("Colour", "colour", colours(app), (name) => app.setColour(name || null), app),
    element("span", { class: "row-of" }, theme, button("?", open.help, { "data-do": "help", "aria-label": "Help: keys and gestures", title: "Keys and gestures (?)" })),
  );
}

/** @param {import("../app.js").App} app */
function search(app) {
  const input = element("input", { id: "search", type: "search", placeholder: "name, or column > 5", autocomplete: "off", spellcheck: "false", dir: "auto" });
  let timer = 0;
  const ask = () => app.search(input.value).catch((error) => app.fail(error));
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(ask, PAUSE);
  });
  const form = element("form", { class: "search", role: "search", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); clearTimeout(timer); ask(); app.tell("show", "find"); } } }, element("label", { for: "search", text: "Search", class: "unseen" }), input);
  app.on("ask-search", (text) => {
    input.value = text;
    ask();
  });
  app.on("clear-search", () => {
    input.value = "";
    ask();
  });
  return form;
}

/**
 * @param {string} title @param {string} id @param {{fill: (select: HTMLSelectElement) => void, on: string}} options
 * @param {(name: string) => void} choose @param {import("../app.js").App} app
 */
function choice(title, id, options, choose, app) {
  const select = element("select", { id });
  select.addEventListener("change", () => {
    try {
      choose(select.value);
    } catch (error) {
      app.fail(error);
    }
  });
  const draw = () => options.fill(select);
  app.on(options.on, draw);
  draw();
  return element("label", { class: "choice", for: id }, element("span", { text: title }), select);
}

/** @param {import("../app.js").App} app */
function planes(app) {
  return {
    on: "planes places",
    fill: (/** @type {HTMLSelectElement} */ select) => {
      fill(select, ...planeNames(app.manifest).map((name) => element("option", { value: name, text: app.planes.has(name) ? name : `${name} (not ready)` })));
      select.value = app.plane;
    },
  };
}

/** @param {import("../app.js").App} app */
function colours(app) {
  return {
    on: "columns colour",
    fill: (/** @type {HTMLSelectElement} */ select) => {
      const able = app.columns.filter((column) => column.kind !== "text");
      fill(select, element("option", { value: "", text: "none" }), ...able.map((column) => element("option", { value: column.name, text: column.name })));
      select.value = app.colouring.column?.name ?? "";
    },
  };
}
