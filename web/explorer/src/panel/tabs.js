/** Panels, one shown at a time, chosen by tabs. */

import { element } from "../dom.js";

/**
 * @param {{name: string, title: string, panel: HTMLElement}[]} entries
 * @returns {{box: HTMLElement, show: (name: string) => void, shown: () => string}}
 */
export function tabs(entries) {
  let current = entries[0].name;
  const buttons = entries.map(({ name, title }) =>
    element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, "data-panel": name, text: title, on: { click: () => show(name) } }),
  );
  const panels = entries.map(({ name, panel }) => element("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, class: "tabpanel", tabindex: 0 }, panel));
  const list = element("div", { role: "tablist", "aria-label": "Panels", class: "tabs" }, ...buttons);

  function show(/** @type {string} */ name) {
    current = name;
    entries.forEach((entry, k) => {
      const on = entry.name === name;
      buttons[k].setAttribute("aria-selected", String(on));
      buttons[k].tabIndex = on ? 0 : -1;
      panels[k].hidden = !on;
    });
  }

  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const place = entries.findIndex((entry) => entry.name === current);
    const last = entries.length - 1;
    const to = { ArrowRight: place === last ? 0 : place + 1, ArrowLeft: place ? place - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(entries[to].name);
    buttons[to].focus();
  });
  show(current);
  return { box: element("aside", { id: "panel", "aria-label": "Details" }, list, ...panels), show, shown: () => current };
}
