/** The points, drawn by regl-scatterplot. The camera, the gestures and the search for points are ours: one way for both drawings. */

import createScatterplot, { createRenderer, createSpatialIndex } from "regl-scatterplot";

import { styled } from "./colour.js";

/**
 * @typedef {{places: Float32Array, codes: Uint8Array, colours: string[], hidden: Set<number>, emphasis: Uint8Array|null}} Picture
 *   emphasis: 1 where a point is not mere context
 */

/** Whether this browser can draw points by WebGL. */
export function supported() {
  try {
    const gl = document.createElement("canvas").getContext("webgl");
    const needed = ["OES_texture_float", "OES_element_index_uint", "WEBGL_color_buffer_float", "EXT_float_blend"];
    const can = Boolean(gl) && needed.every((name) => /** @type {any} */ (gl).getExtension(name));
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return can;
  } catch {
    return false;
  }
}

/** @type {any} */
let shared = null;

/** One WebGL context for all maps. @param {() => void} lost called where the browser takes it away */
function renderer(lost) {
  if (!shared) {
    shared = createRenderer();
    shared.canvas.addEventListener("webglcontextlost", (/** @type {Event} */ event) => {
      event.preventDefault();
      lost();
    });
  }
  return shared;
}

/**
 * Size and opacity that n points need to be seen each, and together; both grow as one comes closer.
 * @param {number} n @param {number} area in CSS pixels @param {number} closer times
 */
export function dots(n, area, closer) {
  const near = Math.max(closer, 1);
  const size = Math.min(Math.max(Math.sqrt(area / n) * 0.5, 1.5), 7) * Math.min(near ** 0.25, 4);
  const opacity = Math.min(Math.max(Math.pow((area * near ** 1.5) / (n * size * size), 0.8) * 0.42, 0.05), 0.9);
  return { size: Math.min(size, 12), opacity };
}

/** A spatial index of one point: regl-scatterplot wants one, and ours is asked instead. @type {Promise<ArrayBuffer>|null} */
let idle = null;

export class GlDrawing {
  /** @param {HTMLCanvasElement} canvas @param {import("./camera.js").Camera} camera @param {() => void} lost */
  constructor(canvas, camera, lost) {
    this.kind = "webgl";
    this.canvas = canvas;
    this.camera = camera;
    this.points = /** @type {number[][]} */ ([]);
    this.drawing = /** @type {Promise<void>|null} */ (null);
    this.next = /** @type {Picture|null} */ (null);
    this.n = 0;
    this.standing = 0;
    this.length = 0;
    this.sizes = /** @type {number[]|null} */ (null);
    idle ??= createSpatialIndex([[0, 0]], false);
    this.scatter = createScatterplot({
      canvas,
      renderer: renderer(lost),
      width: camera.width,
      height: camera.height,
      cameraIsFixed: true,
      lassoInitiator: false,
      lassoOnLongPress: false,
      pointScaleMode: "constant",
      colorBy: "valueZ",
      opacityBy: "valueW",
      sizeBy: "valueW",
      actionKeyMap: {},
      deselectOnEscape: false,
      deselectOnDblClick: false,
    });
  }

  /** Draws; a picture asked for meanwhile is drawn next, and those between are left out. @param {Picture} picture @returns {Promise<void>} */
  draw(picture) {
    this.next = picture;
    this.drawing ??= this.work().finally(() => (this.drawing = null));
    return this.drawing;
  }

  async work() {
    const spatialIndex = await idle;
    while (this.next) {
      const picture = this.next;
      this.next = null;
      const points = this.gather(picture);
      this.style(picture);
      this.look();
      const preventFilterReset = points.length === this.length; // it keeps what it made for as many points
      this.length = points.length;
      if (points.length) await this.scatter.draw(points, { zDataType: "categorical", wDataType: "categorical", spatialIndex, preventFilterReset });
      else this.clear();
    }
  }

  /** Points as regl-scatterplot wants them, context first, so that what matters lies on top. @param {Picture} picture */
  gather({ places, codes, hidden, emphasis }) {
    const n = codes.length;
    const points = this.points;
    let length = 0;
    for (const level of emphasis ? [0, 1] : [1]) {
      for (let i = 0; i < n; i++) {
        if (emphasis && emphasis[i] !== level) continue;
        if (hidden.size && hidden.has(codes[i])) continue;
        const point = points[length] || (points[length] = [0, 0, 0, 0]);
        point[0] = places[2 * i];
        point[1] = places[2 * i + 1];
        point[2] = level ? codes[i] + 1 : 0; // 0: the colour of context
        point[3] = level;
        length++;
      }
    }
    points.length = length;
    return points;
  }

  /** @param {Picture} picture */
  style({ colours, codes, emphasis }) {
    this.n = codes.length;
    this.standing = emphasis ? emphasis.reduce((sum, one) => sum + one, 0) : this.n;
    this.scatter.set({ backgroundColor: styled("--card"), pointColor: [styled("--context"), ...colours] });
    this.fit();
  }

  /** Dots fitted to how close one looks; those that stand out of a context to how few they are. */
  fit() {
    const { width, height } = this.camera;
    const closer = this.camera.closer();
    const all = dots(this.n, width * height, closer);
    const out = this.standing < this.n ? dots(Math.max(this.standing, this.n / 20, 1), width * height, closer) : all;
    const sizes = [all.size, out.size, all.opacity * 0.55, out.opacity];
    const before = this.sizes;
    if (before && sizes.every((value, k) => Math.abs(value / before[k] - 1) < 0.04)) return;
    this.sizes = sizes;
    this.scatter.set({ pointSize: sizes.slice(0, 2), opacity: sizes.slice(2) });
  }

  clear() {
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  look() {
    const { x, y, scale, height } = this.camera;
    const s = (2 * scale) / height;
    if (this.n) this.fit();
    this.scatter.set({ cameraView: new Float32Array([s, 0, 0, 0, 0, s, 0, 0, 0, 0, 1, 0, -x * s, -y * s, 0, 1]) });
  }

  resize() {
    shared.resize();
    this.scatter.set({ width: this.camera.width, height: this.camera.height });
    this.look();
  }

  destroy() {
    this.next = null;
    try {
      this.scatter.destroy();
    } catch {
      // a lost context cannot be tidied up
    }
  }
}
