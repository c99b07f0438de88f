/** The page of `selfsup explore`. */

import { App } from "./app.js";
import { expose } from "./api.js";
import { button, counted, element, fill } from "./dom.js";
import { supported } from "./gl.js";
import { followHash } from "./hash.js";
import { readManifest, planeNames } from "./manifest.js";
import { MapView } from "./map.js";
import { aboutPanel } from "./panel/about.js";
import { analogiesPanel } from "./panel/analogies.js";
import { axesPanel } from "./panel/axes.js";
import { findPanel } from "./panel/find.js";
import { header } from "./panel/header.js";
import { help } from "./panel/help.js";
import { legend } from "./panel/legend.js";
import { pointPanel } from "./panel/point.js";
import { selectionPanel } from "./panel/selection.js";
import { tabs } from "./panel/tabs.js";
import { read } from "./read.js";
import { followSystem, followTheme } from "./theme.js";

/** @typedef {import("./app.js").App} AppType */

const NO_WEBGL = "This browser draws no WebGL here, so the map is a picture of the points' density. All else works.";

/** @param {App} app @returns {{maps: MapView[], panels: ReturnType<typeof tabs>}} */
function build(app) {
  const webgl = !new URLSearchParams(location.hash.slice(1)).has("canvas") && supported();
  const { spaces, samples, words } = app.manifest;
  const maps = (spaces.length ? spaces : [{ name: "" }]).map((space, s) => {
    const caption = spaces.length > 1 ? `Map of ${samples}, ${space.name}` : `Map of ${samples}`;
    return new MapView(app, s, caption, webgl);
  });
  const panels = tabs([
    { name: "point", title: "Point", panel: pointPanel(app) },
    { name: "find", title: "Found", panel: findPanel(app) },
    { name: "selection", title: "Selection", panel: selectionPanel(app) },
    { name: "axes", title: "Axes", panel: axesPanel(app) },
    ...(words ? [{ name: "analogies", title: "Analogies", panel: analogiesPanel(app) }] : []),
    { name: "about", title: "About", panel: aboutPanel(app) },
  ]);
  const dialog = help();
  const errors = element("div", { id: "errors", role: "alert", hidden: true });
  const status = element("p", { id: "status", role: "status" });
  app.on("errors", () => {
    errors.hidden = !app.errors.length;
    const close = button("Close", () => {
      app.errors = [];
      app.tell("errors");
    });
    fill(errors, ...app.errors.map((text) => element("p", { text })), close);
  });
  app.on("said", (sentence) => (status.textContent = sentence));
  const stage = element("div", { class: maps.length > 1 ? "stage two-maps" : "stage" }, ...maps.map((map) => map.box));
  const plain = element("p", { class: "plain", text: NO_WEBGL, hidden: webgl });
  const area = element("div", { class: "area" }, plain, tools(app, maps), stage, legend(app), status);
  fill(/** @type {Element} */ (document.getElementById("app")), header(app, { help: () => dialog.showModal() }), errors, element("main", {}, area, panels.box), dialog);
  app.on("lost", () => {
    if (!plain.hidden) return;
    plain.hidden = false;
    app.say(NO_WEBGL);
    for (const map of maps) map.fallBack();
  });
  keys(app, dialog);
  return { maps, panels };
}

/** Buttons on the map. @param {App} app @param {MapView[]} maps */
function tools(app, maps) {
  const all = (/** @type {(map: MapView) => void} */ act) => () => {
    for (const map of maps) {
      act(map);
      map.look();
    }
  };
  const lasso = button("Lasso", () => app.tell("lassoing", !maps[0].lassoing), { "data-do": "lasso", "aria-pressed": "false", title: "Draw around points (shift and drag)" });
  app.on("lassoing", (on) => {
    lasso.setAttribute("aria-pressed", String(on));
    for (const map of maps) {
      map.lassoing = on;
      map.box.classList.toggle("lassoing", on);
    }
    if (on) app.say("Lasso: draw around points on the map.");
  });
  const back = button("Back to the map", () => app.clearAxes(), { hidden: true });
  app.on("axes", () => (back.hidden = !app.axes.x && !app.axes.y));
  return element(
    "div",
    { class: "tools", role: "group", "aria-label": "Map tools" },
    button("+", all((map) => map.camera.zoom(1.6)), { "data-do": "zoom-in", "aria-label": "Closer", title: "Closer (+)" }),
    button("\u2212", all((map) => map.camera.zoom(1 / 1.6)), { "data-do": "zoom-out", "aria-label": "Farther", title: "Farther (-)" }),
    button("All", all((map) => map.camera.fit()), { "data-do": "all", title: "Show all (0)" }),
    lasso,
    back,
  );
}

/** @param {App} app @param {HTMLDialogElement} dialog */
function keys(app, dialog) {
  document.addEventListener("keydown", (event) => {
    const typing = /** @type {Element} */ (event.target).matches("input, select, textarea");
    if (event.key === "Escape" && !dialog.open) {
      if (app.point !== null) app.select(null);
      else if (app.hits) app.tell("clear-search");
      else if (app.selection) app.setSelection(null);
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("search")?.focus();
    }
    if (event.key === "?") dialog.showModal();
  });
}

/** What is drawn follows what changes. @param {App} app @param {MapView[]} maps @param {ReturnType<typeof tabs>} panels */
function follow(app, maps, panels) {
  app.on("places", () => {
    app.wide = Math.min(Math.max(maps[0].camera.width / maps[0].camera.height, 0.6), 2.4);
    const places = app.places();
    if (!places) return;
    maps.forEach((map, s) => {
      const k = Math.min(s, places.planes.length - 1);
      map.setPlaces(places.planes[k], places.extents[k]).catch((error) => app.fail(error));
    });
  });
  app.on("colour hidden theme selection hits", () => {
    for (const map of maps) map.redraw().catch((error) => app.fail(error));
  });
  app.on("point near names", () => maps.forEach((map) => map.paint()));
  app.on("point", (how) => {
    if (app.point === null) return;
    panels.show("point");
    if (how?.go) app.tell("go", app.point);
  });
  app.on("go", (index) => maps.forEach((map) => map.go(index)));
  app.on("hits", () => app.hits && panels.show("find"));
  app.on("selection", () => app.selection && panels.show("selection"));
  app.on("show", (name) => panels.show(name));
  app.on("sprites", () => {
    app.sprites?.on(() => maps.forEach((map) => map.paint()));
    for (const map of maps) map.paint();
  });
  app.on("places hidden selection hits axes", () => {
    const { samples, sample } = app.manifest;
    const along = ["x", "y"].map((place) => app.axes[/** @type {"x"|"y"} */ (place)]).filter(Boolean);
    const shown = along.length ? `along ${along.map((axis) => `${axis?.a.label} to ${axis?.b.label}`).join(" and ")}` : `by ${app.plane}`;
    const found = app.selection ? ` ${counted(app.selection.indices.length, sample, samples)} selected.` : "";
    const text = `${counted(app.n, sample, samples)} ${shown}.${found} Arrow keys move, plus and minus zoom, 0 shows all, Enter selects the ${sample} in the middle. All ${samples} can be found by the search.`;
    for (const map of maps) map.summary.textContent = text;
    const waiting = !app.planes.has(app.plane) && !along.length;
    for (const map of maps) {
      map.note.hidden = !waiting;
      map.note.textContent = waiting ? `${app.plane} is still being computed; it appears when it is ready.` : "";
    }
  });
}

function start() {
  const manifest = readManifest();
  followSystem();
  const app = new App(manifest);
  followTheme(app);
  document.title = manifest.title || document.title;
  const { maps, panels } = build(app);
  const api = expose(app, maps, panels);
  for (const map of maps) map.start();
  let first = true;
  let done = () => {};
  const stands = new Promise((resolve) => (done = () => resolve(undefined)));
  app.on("planes", () => {
    if (!first) return;
    first = false;
    const places = /** @type {import("./app.js").Places} */ (app.places());
    Promise.all(maps.map((map, s) => map.setPlaces(places.planes[Math.min(s, places.planes.length - 1)], places.extents[Math.min(s, places.planes.length - 1)])))
      .catch((error) => {
        app.fail(error);
        app.tell("lost");
      })
      .finally(() => {
        for (const map of maps) map.points.getContext("2d")?.getImageData(0, 0, 1, 1); // waits until it is painted
        api.painted(performance.now());
        done();
        follow(app, maps, panels);
        app.tell("hidden");
      });
  });
  read(app, () => /** @type {Promise<void>} */ (stands))
    .then(() => followHash(app))
    .then(api.finished, (error) => {
      app.fail(error);
      api.finished();
    });
}

try {
  start();
} catch (error) {
  const box = document.getElementById("app") || document.body;
  fill(box, element("p", { id: "errors", role: "alert", text: error instanceof Error ? error.message : String(error) }));
}
