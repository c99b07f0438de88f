/** The points as a picture of their density, where WebGL is absent. */

import { rgb, styled } from "./colour.js";

/** @typedef {import("./gl.js").Picture} Picture */

const FEW = 4000; // points in view that are drawn as squares

export class DensityDrawing {
  /** @param {HTMLCanvasElement} canvas @param {import("./camera.js").Camera} camera */
  constructor(canvas, camera) {
    this.kind = "canvas";
    this.canvas = canvas;
    this.camera = camera;
    this.picture = /** @type {Picture|null} */ (null);
    this.waiting = false;
    this.resize();
  }

  /** @param {Picture} picture @returns {Promise<void>} */
  async draw(picture) {
    this.picture = picture;
    this.paint();
  }

  look() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  resize() {
    this.canvas.width = Math.max(1, Math.round(this.camera.width));
    this.canvas.height = Math.max(1, Math.round(this.camera.height));
    this.look();
  }

  paint() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.picture) return;
    const { width, height } = this.canvas;
    const { places, codes, hidden, emphasis } = this.picture;
    const { x, y, scale } = this.camera;
    const colours = [styled("--context"), ...this.picture.colours].map(rgb);
    const sums = new Float32Array(4 * width * height); // red, green, blue, weight of a pixel
    const left = width / 2 - x * scale;
    const top = height / 2 + y * scale;
    let seen = 0;
    for (let i = 0; i < codes.length; i++) {
      const px = (left + places[2 * i] * scale) | 0;
      const py = (top - places[2 * i + 1] * scale) | 0;
      if (px < 1 || py < 1 || px >= width - 1 || py >= height - 1 || (hidden.size && hidden.has(codes[i]))) continue;
      const matters = !emphasis || emphasis[i];
      const colour = colours[matters ? codes[i] + 1 : 0];
      const weight = matters ? 1 : 0.05;
      const k = 4 * (py * width + px);
      sums[k] += weight * colour[0];
      sums[k + 1] += weight * colour[1];
      sums[k + 2] += weight * colour[2];
      sums[k + 3] += weight;
      seen++;
    }
    context.putImageData(toned(sums, width, height, seen <= FEW ? 2 : 0), 0, 0);
  }

  destroy() {
    this.picture = null;
  }
}

/**
 * Pixels whose opacity grows with the logarithm of how many points they hold.
 * @param {Float32Array} sums @param {number} width @param {number} height @param {number} spread pixels that a point reaches
 */
function toned(sums, width, height, spread) {
  const image = new ImageData(width, height);
  let most = 1;
  for (let k = 3; k < sums.length; k += 4) if (sums[k] > most) most = sums[k];
  const strength = 0.62 / Math.log1p(most);
  for (let k = 0; k < sums.length; k += 4) {
    const weight = sums[k + 3];
    if (!weight) continue;
    const alpha = 255 * (spread ? 0.9 : Math.min(1, 0.38 + strength * Math.log1p(weight)));
    const at = k >> 2;
    const [px, py] = [at % width, (at / width) | 0];
    for (let dy = -spread; dy <= spread; dy++) {
      for (let dx = -spread; dx <= spread; dx++) {
        if (px + dx < 0 || py + dy < 0 || px + dx >= width || py + dy >= height) continue;
        const to = 4 * ((py + dy) * width + px + dx);
        if (image.data[to + 3] > alpha) continue;
        image.data[to] = sums[k] / weight;
        image.data[to + 1] = sums[k + 1] / weight;
        image.data[to + 2] = sums[k + 2] / weight;
        image.data[to + 3] = alpha;
      }
    }
  }
  return image;
}
