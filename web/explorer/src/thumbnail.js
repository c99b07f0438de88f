/** A small picture of a point, for lists; filled when its sheet has come. */

import { element } from "./dom.js";

/**
 * @param {import("./app.js").App} app @param {number} index @param {number} size CSS pixels
 * @param {string|null} [label] text for those who do not see it; null: it stands beside its name
 * @returns {HTMLElement|null} null where the point has no picture
 */
export function thumbnail(app, index, size, label = null) {
  const sprites = app.sprites;
  if (!sprites?.has(index)) return null;
  const ratio = Math.ceil(window.devicePixelRatio || 1);
  const canvas = element("canvas", {
    class: "thumbnail",
    width: size * ratio,
    height: size * ratio,
    style: `width: ${size}px; height: ${size}px`,
    ...(label === null ? { "aria-hidden": "true" } : { role: "img", "aria-label": label }),
  });
  const draw = () => sprites.draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), index, 0, 0, size * ratio);
  if (!draw()) sprites.once(draw);
  return canvas;
}
