/** Light or dark: as the system has it, until someone switches. */

import { forgetStyles } from "./colour.js";

/** @typedef {import("./app.js").App} App */

/** @param {App} app @param {string} theme */
function set(app, theme) {
  document.documentElement.dataset.theme = theme;
  forgetStyles();
  app.setTheme();
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** As the system has it now. */
export function followSystem() {
  document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
}

/** As the system changes. @param {App} app */
export function followTheme(app) {
  dark.addEventListener("change", () => set(app, dark.matches ? "dark" : "light"));
}

/** @param {App} app */
export function switchTheme(app) {
  set(app, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}
