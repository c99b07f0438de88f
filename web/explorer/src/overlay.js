/** What lies on top of the points: axes, pictures, rings, names, the lasso. */

import { styled } from "./colour.js";
import { figure } from "./dom.js";
import { Labels } from "./labels.js";

const FEW = 500; // points in view that are shown by picture or name
const FIRST = 4000; // words that may be named from afar: the first are the most frequent
const NAMES = 70; // of them at once

/**
 * @typedef {import("./map.js").MapView} MapView
 * @typedef {CanvasRenderingContext2D} Context
 */

/** @param {MapView} view */
export function paint(view) {
  const { app, camera, overlay } = view;
  const ratio = window.devicePixelRatio || 1;
  const context = /** @type {Context} */ (overlay.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, camera.width, camera.height);
  view.drawn = { sprites: 0, labels: 0, inView: null };
  if (!view.places) return;
  axes(view, context);
  const few = view.grid?.within(camera.box(), FEW, (i) => app.seen(i)) ?? null;
  view.drawn.inView = few ? few.length : null;
  const labels = new Labels(context, camera.width, camera.height);
  if (few && app.sprites) pictures(view, context, few, labels);
  rings(view, context, labels);
  if (app.names) named(view, few, labels);
  view.drawn.labels = labels.drawn;
  lasso(view, context);
  if (view.keyed) cross(view, context);
}

/** @param {MapView} view @param {Context} context @param {number[]} few @param {Labels} labels */
function pictures(view, context, few, labels) {
  const { app, camera } = view;
  const sprites = /** @type {import("./sprites.js").Sprites} */ (app.sprites);
  const room = Math.sqrt((camera.width * camera.height) / Math.max(few.length, 1));
  const size = Math.round(Math.min(Math.max(room * 0.55, 18), 72));
  const mask = app.mask;
  for (const i of few) {
    const [x, y] = view.at(i);
    context.globalAlpha = mask && !mask[i] ? 0.35 : 1;
    if (!sprites.draw(context, i, x - size / 2, y - size / 2, size)) continue;
    context.lineWidth = 2;
    context.strokeStyle = mask && !mask[i] ? styled("--context") : app.colouring.colours[app.colouring.codes[i]];
    context.strokeRect(x - size / 2, y - size / 2, size, size);
    view.drawn.sprites++;
    labels.take(x - size / 2, y - size / 2, size, size);
  }
  context.globalAlpha = 1;
}

/** The point, its nearest, and what the pointer is over. @param {MapView} view @param {Context} context @param {Labels} labels */
function rings(view, context, labels) {
  const { app } = view;
  const ring = (/** @type {number} */ i, /** @type {number} */ radius, /** @type {string} */ colour, /** @type {number} */ width) => {
    const [x, y] = view.at(i);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = styled("--card");
    context.lineWidth = width + 3;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  };
  const near = app.near[view.space] || [];
  for (const { index } of near) ring(index, 5, styled("--ink"), 1.5);
  if (app.hits && app.hits.count <= FEW) for (const i of app.hits.found) ring(i, 4, styled("--accent"), 1.5);
  if (app.point !== null) {
    ring(app.point, 9, styled("--accent"), 3);
    labels.put(app.name(app.point), ...view.at(app.point), { bold: true, away: 14, force: true });
  }
  if (view.hovered !== null && view.hovered !== app.point) {
    ring(view.hovered, 6, styled("--ink"), 2);
    labels.put(app.name(view.hovered), ...view.at(view.hovered), { bold: true, away: 11, force: true });
  }
  for (const { index } of near) labels.put(app.name(index), ...view.at(index), { away: 9 });
}

/** Names of the few in view; of words also from afar, the most frequent first. @param {MapView} view @param {number[]|null} few @param {Labels} labels */
function named(view, few, labels) {
  const { app, camera } = view;
  const hits = app.hits?.found.subarray(0, 200) || [];
  for (const i of hits) {
    if (inside(view.at(i), camera)) labels.put(app.name(i), ...view.at(i));
  }
  if (app.sprites) return;
  if (few) {
    for (const i of few.sort((a, b) => a - b)) labels.put(app.name(i), ...view.at(i));
  } else if (app.manifest.words) {
    const mask = app.mask;
    for (let i = 0, end = Math.min(FIRST, app.n), put = 0; i < end && put < NAMES; i++) {
      if (!app.seen(i) || (mask && !mask[i]) || !inside(view.at(i), camera)) continue;
      if (labels.put(app.name(i), ...view.at(i), { away: 4 })) put++;
    }
  }
}

/** @param {[number, number]} at @param {import("./camera.js").Camera} camera */
function inside([x, y], { width, height }) {
  return x >= 0 && y >= 0 && x < width && y < height;
}

/** Lines of one's own axes, with what stands at both ends. @param {MapView} view @param {Context} context */
function axes(view, context) {
  const { app, camera } = view;
  const ranges = app.ranges();
  context.font = '600 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  const line = (/** @type {number[]} */ from, /** @type {number[]} */ to, /** @type {boolean} */ faint) => {
    context.beginPath();
    context.moveTo(from[0], from[1]);
    context.lineTo(to[0], to[1]);
    context.strokeStyle = styled(faint ? "--line" : "--quiet");
    context.lineWidth = 1;
    context.stroke();
  };
  ["x", "y"].forEach((place, k) => {
    const axis = app.axes[/** @type {"x"|"y"} */ (place)];
    if (!axis) return;
    const [low, high] = ranges[k];
    const across = place === "x";
    for (const value of ticks(low, high)) {
      const share = (2 * (value - low)) / (high - low || 1) - 1;
      const at = across ? camera.toScreen(share * app.wide, 0)[0] : camera.toScreen(0, share)[1];
      if (across) line([at, 0], [at, camera.height], value !== 0);
      else line([0, at], [camera.width, at], value !== 0);
      context.fillStyle = styled("--quiet");
      context.textAlign = across ? "center" : "left";
      context.textBaseline = "middle";
      context.fillText(figure(value), across ? at : 6, across ? camera.height - 12 : at - 9);
    }
    ends(context, camera, across, axis.a.label, axis.b.label);
  });
  context.textAlign = "left";
}

/** @param {Context} context @param {import("./camera.js").Camera} camera @param {boolean} across @param {string} a @param {string} b */
function ends(context, camera, across, a, b) {
  const cut = (/** @type {string} */ text) => (text.length > 24 ? `${text.slice(0, 23)}\u2026` : text);
  context.fillStyle = styled("--ink");
  context.textBaseline = "middle";
  context.textAlign = across ? "left" : "center";
  context.fillText(across ? `\u2190 ${cut(a)}` : `\u2193 ${cut(a)}`, across ? 12 : camera.width / 2, camera.height - 32);
  context.textAlign = across ? "right" : "center";
  context.fillText(across ? `${cut(b)} \u2192` : `\u2191 ${cut(b)}`, across ? camera.width - 12 : camera.width / 2, across ? camera.height - 32 : 16);
  context.textAlign = "left";
}

/** Round values within a range. @param {number} low @param {number} high */
function ticks(low, high) {
  const span = high - low || 1;
  const rough = span / 6;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((size) => size >= rough) || unit;
  const values = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(Number((k * step).toPrecision(6)));
  return values;
}

/** @param {MapView} view @param {Context} context */
function lasso({ path }, context) {
  if (path.length < 2) return;
  context.beginPath();
  path.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.globalAlpha = 0.15;
  context.fillStyle = styled("--accent");
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = styled("--accent");
  context.lineWidth = 2;
  context.stroke();
}

/** Where Enter selects. @param {MapView} view @param {Context} context */
function cross({ camera: { width, height } }, context) {
  const [x, y] = [width / 2, height / 2];
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 5 * dx, y + 5 * dy);
    context.lineTo(x + 14 * dx, y + 14 * dy);
  }
  context.strokeStyle = styled("--ink");
  context.lineWidth = 2;
  context.stroke();
}
