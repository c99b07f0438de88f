/** Names on the map, without overlaps: those that come first keep their place. */

import { styled } from "./colour.js";

const CELL = 8; // pixels of the raster in which taken places are marked
const LONGEST = 28; // characters

export class Labels {
  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
  constructor(context, width, height) {
    this.context = context;
    this.width = width;
    this.across = Math.ceil(width / CELL);
    this.down = Math.ceil(height / CELL);
    this.taken = new Uint8Array(this.across * this.down);
    this.drawn = 0;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    this.ink = styled("--ink");
    this.halo = styled("--card");
  }

  /**
   * @param {string} text @param {number} x @param {number} y of the point @param {{bold?: boolean, away?: number, force?: boolean}} [how]
   * @returns {boolean} whether there was room
   */
  put(text, x, y, { bold = false, away = 7, force = false } = {}) {
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}\u2026` : text;
    const { context } = this;
    context.font = `${bold ? "600 13px" : "12px"} system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
    const width = context.measureText(shown).width;
    if (force && x + away + width > this.width) x -= 2 * away + width;
    if (!this.take(x + away - 2, y - 8, width + 4, 16) && !force) return false;
    context.strokeStyle = this.halo;
    context.lineWidth = 3.5;
    context.strokeText(shown, x + away, y);
    context.fillStyle = this.ink;
    context.fillText(shown, x + away, y);
    this.drawn++;
    return true;
  }

  /** Marks a box as taken, unless something is there. @param {number} x @param {number} y @param {number} width @param {number} height */
  take(x, y, width, height) {
    const [left, right] = [Math.max(0, Math.floor(x / CELL)), Math.min(this.across - 1, Math.floor((x + width) / CELL))];
    const [top, bottom] = [Math.max(0, Math.floor(y / CELL)), Math.min(this.down - 1, Math.floor((y + height) / CELL))];
    if (x < 0 || x + width > this.width) return false;
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) if (this.taken[row * this.across + column]) return false;
    }
    for (let row = top; row <= bottom; row++) this.taken.fill(1, row * this.across + left, row * this.across + right + 1);
    return true;
  }
}
