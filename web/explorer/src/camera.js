/** Where one looks: a place of the plane in the middle, and pixels a unit. */

const MARGIN = 0.92;
const NEAREST = 2e5; // times closer than all
const FARTHEST = 0.4;

export class Camera {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.width = 1;
    this.height = 1;
    this.extent = [1, 1];
  }

  whole() {
    return MARGIN * Math.min(this.width / (2 * this.extent[0]), this.height / (2 * this.extent[1]));
  }

  /** Shows all. @param {[number, number]} [extent] half width and half height of what there is */
  fit(extent) {
    if (extent) this.extent = [Math.max(extent[0], 1e-3), Math.max(extent[1], 1e-3)];
    this.x = 0;
    this.y = 0;
    this.scale = this.whole();
  }

  /** @param {number} width @param {number} height in CSS pixels */
  resize(width, height) {
    const closer = this.scale / this.whole();
    this.width = Math.max(width, 1);
    this.height = Math.max(height, 1);
    this.scale = closer * this.whole();
  }

  /** How many times closer than all. */
  closer() {
    return this.scale / this.whole();
  }

  /** @param {number} x @param {number} y @returns {[number, number]} pixels */
  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, this.height / 2 - (y - this.y) * this.scale];
  }

  /** @param {number} px @param {number} py @returns {[number, number]} */
  toPlane(px, py) {
    return [(px - this.width / 2) / this.scale + this.x, (this.height / 2 - py) / this.scale + this.y];
  }

  /** @param {number} dx @param {number} dy pixels */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Zooms so that what is under a pixel stays there. @param {number} factor @param {number} [px] @param {number} [py] */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toPlane(px, py);
    const whole = this.whole();
    this.scale = Math.min(Math.max(this.scale * factor, whole * FARTHEST), whole * NEAREST);
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
  }

  /** What is in view. @returns {[number, number, number, number]} x0, y0, x1, y1 */
  box() {
    const [halfX, halfY] = [this.width / 2 / this.scale, this.height / 2 / this.scale];
    return [this.x - halfX, this.y - halfY, this.x + halfX, this.y + halfY];
  }
}
