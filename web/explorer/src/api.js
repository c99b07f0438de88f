/** `window.selfsupExplorer`: the page for tests and notebooks. See README.md. */

import { csv, names } from "./csv.js";
import { Sentence } from "./manifest.js";

/**
 * @param {import("./app.js").App} app @param {import("./map.js").MapView[]} maps @param {{show: (name: string) => void, shown: () => string}} panels
 * @returns {{painted: (when: number) => void, finished: () => void}}
 */
export function expose(app, maps, panels) {
  let painted = (/** @type {number} */ _) => {};
  let finished = () => {};
  const drawn = new Promise((resolve) => (painted = resolve));
  const ready = /** @type {Promise<void>} */ (new Promise((resolve) => (finished = () => resolve())));
  const named = (/** @type {import("./app.js").Near[]} */ list) => list.map(({ index, cosine }) => ({ index, name: app.name(index), cosine }));
  const group = async (/** @type {any} */ given) => {
    if (typeof given === "string") return app.group(given);
    if (given.every(Number.isInteger)) return { label: given.length === 1 ? app.name(given[0]) : `${given.length} ${app.manifest.samples}`, indices: given, missing: [] };
    return app.group(given.join(", "));
  };
  const api = {
    ready,
    drawn,
    firstPaint: /** @type {number|null} */ (null),
    manifest: app.manifest,
    state: () => state(app, maps, panels),
    async select(/** @type {number|null} */ index) {
      await app.select(index);
      if (index === null) return null;
      const values = Object.fromEntries(app.columns.map((column) => [column.name, column.text(index)]));
      return { index, name: app.name(index), values, neighbours: app.near.map(named) };
    },
    async search(/** @type {string} */ text) {
      const hits = await app.search(text);
      if (!hits) return { count: 0, hits: [] };
      return { count: hits.count, hits: Array.from(hits.found.subarray(0, 200), (index, k) => ({ index, name: app.name(index), why: hits.why[hits.whys[k]] })) };
    },
    neighbours: async (/** @type {number} */ index, k = 12) => (await app.neighbours(index, k)).map(named),
    async axis(/** @type {any} */ a, /** @type {any} */ b, place = /** @type {"x"|"y"} */ ("x")) {
      const [from, to] = [await group(a), await group(b)];
      const { values, low, high } = await app.setAxis(from, to, place);
      const ends = (/** @type {number[][]} */ lists) => lists.map((list) => list.map((index) => app.name(index)));
      return { values, low: ends(low), high: ends(high), missing: [...from.missing, ...to.missing] };
    },
    map: async () => app.clearAxes(),
    async analogy(/** @type {string} */ a, /** @type {string} */ b, /** @type {string} */ c) {
      const { near } = await app.analogy(b === undefined ? a : `${b} - ${a} + ${c}`);
      return near.map(named);
    },
    lasso: async (/** @type {number[][]} */ polygon, map = 0) => maps[map].lasso(polygon),
    place: (/** @type {number} */ index, map = 0) => maps[map].at(index),
    async zoom(/** @type {number|"all"|"point"} */ factor, /** @type {number} */ x, /** @type {number} */ y, map = 0) {
      const view = maps[map];
      if (factor === "all") view.camera.fit();
      else if (factor === "point") view.go(x);
      else view.camera.zoom(factor, x, y);
      view.look();
      await new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)));
    },
    colour: async (/** @type {string|null} */ name) => app.setColour(name),
    plane: async (/** @type {string} */ name) => app.setPlane(name),
    take: async (/** @type {number[]} */ indices) => app.setSelection(indices, "chosen by a program"),
    async exported(kind = "csv") {
      const make = { csv, names }[kind];
      if (!make) throw new Sentence(`There is no file of kind ${kind}; there are csv, names.`);
      return make(app, app.selection?.indices || Array.from({ length: app.n }, (_, i) => i)).join("");
    },
  };
  /** @type {any} */ (window).selfsupExplorer = api;
  return {
    painted: (when) => {
      api.firstPaint = when;
      painted(when);
    },
    finished,
  };
}

/** @param {import("./app.js").App} app @param {import("./map.js").MapView[]} maps @param {{shown: () => string}} panels */
function state(app, maps, panels) {
  const ends = (/** @type {import("./app.js").Axis|null} */ axis) => axis && [axis.a.label, axis.b.label];
  return {
    renderer: maps[0].drawing?.kind ?? null,
    n: app.n,
    plane: app.plane,
    planes: [...app.planes.keys()],
    colour: app.colouring.column?.name ?? null,
    point: app.point,
    near: app.near.map((list) => list.map((one) => one.index)),
    selection: app.selection?.indices.length ?? 0,
    hits: app.hits?.count ?? 0,
    axis: { x: ends(app.axes.x), y: ends(app.axes.y) },
    vectors: app.vectors,
    maps: maps.map(({ camera: { width, height, x, y, scale }, drawn }) => ({ width, height, x, y, scale, ...drawn })),
    panel: panels.shown(),
    notes: app.manifest.notes,
    errors: app.errors,
    theme: document.documentElement.dataset.theme,
  };
}
