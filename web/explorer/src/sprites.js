/** Thumbnails from sheets. Sheets are read when needed and let go; tiles are kept in one canvas of fixed size. */

import { Sentence } from "./manifest.js";

const SIDE = 64; // tiles along the canvas that keeps them
const SHEETS = 4; // decoded sheets kept at once

/** @typedef {import("./manifest.js").SpriteEntry} SpriteEntry */

export class Sprites {
  /**
   * @param {SpriteEntry} entry
   * @param {import("./pieces.js").Pieces} pieces
   * @param {"inline"|"folder"|"server"} delivery
   * @param {Uint8Array|null} missing 1 where a point has no picture
   * @param {(error: unknown) => void} fail
   */
  constructor(entry, pieces, delivery, missing, fail) {
    this.entry = entry;
    this.pieces = pieces;
    this.delivery = delivery;
    this.missing = missing;
    this.fail = fail;
    this.kept = document.createElement("canvas");
    this.kept.width = this.kept.height = SIDE * entry.tile;
    /** @type {Map<number, number>} slot of a point's tile, the longest unused first */
    this.slots = new Map();
    /** @type {Map<number, ImageBitmap|HTMLImageElement>} */
    this.sheets = new Map();
    /** @type {Map<number, Promise<Blob>>} */
    this.blobs = new Map();
    /** @type {Set<number>} */
    this.wanted = new Set();
    this.busy = false;
    this.broken = /** @type {Set<number>} */ (new Set());
    this.attempts = /** @type {Set<() => boolean>} */ (new Set());
    this.heard = /** @type {(() => void)[]} */ ([]);
  }

  /** @param {number} index */
  has(index) {
    return !this.missing?.[index];
  }

  /** Called when tiles have come. @param {() => void} call */
  on(call) {
    this.heard.push(call);
  }

  /**
   * Draws a point's tile, if it is there; else asks for it.
   * @param {CanvasRenderingContext2D} context @param {number} index @param {number} x @param {number} y @param {number} size
   * @returns {boolean} whether it was drawn
   */
  draw(context, index, x, y, size) {
    if (!this.has(index)) return false;
    const slot = this.slots.get(index);
    if (slot === undefined) {
      this.want(index);
      return false;
    }
    this.slots.delete(index);
    this.slots.set(index, slot);
    const { tile } = this.entry;
    context.imageSmoothingEnabled = size < tile;
    context.drawImage(this.kept, (slot % SIDE) * tile, Math.floor(slot / SIDE) * tile, tile, tile, x, y, size, size);
    return true;
  }

  /** Tries again whenever tiles have come, until it succeeds. @param {() => boolean} attempt */
  once(attempt) {
    this.attempts.add(attempt);
  }

  /** @param {number} index */
  want(index) {
    if (this.broken.has(Math.floor(index / this.entry.per_sheet))) return;
    this.wanted.add(index);
    if (!this.busy) {
      this.busy = true;
      setTimeout(() => this.work());
    }
  }

  /** Reads the wanted sheets one after another. */
  async work() {
    while (this.wanted.size) {
      const place = Math.floor(/** @type {number} */ (this.wanted.values().next().value) / this.entry.per_sheet);
      const mine = [...this.wanted].filter((index) => Math.floor(index / this.entry.per_sheet) === place);
      try {
        const sheet = await this.sheet(place);
        for (const index of mine) this.keep(index, sheet);
      } catch (error) {
        this.broken.add(place);
        this.fail(error);
      }
      for (const index of mine) this.wanted.delete(index);
      for (const attempt of this.attempts) if (this.broken.has(place) || attempt()) this.attempts.delete(attempt);
      for (const call of this.heard) call();
    }
    this.busy = false;
  }

  /** @param {number} place @returns {Promise<ImageBitmap|HTMLImageElement>} */
  async sheet(place) {
    let sheet = this.sheets.get(place);
    this.sheets.delete(place);
    sheet ??= await this.load(place);
    this.sheets.set(place, sheet);
    const oldest = /** @type {number} */ (this.sheets.keys().next().value);
    if (this.sheets.size > SHEETS) {
      const gone = this.sheets.get(oldest);
      if (gone && "close" in gone) gone.close();
      this.sheets.delete(oldest);
    }
    return sheet;
  }

  /** @param {number} place @returns {Promise<ImageBitmap|HTMLImageElement>} */
  async load(place) {
    const lost = `The pictures of sheet ${place} cannot be read, so their points stay dots.`;
    if (this.delivery === "inline") {
      const blob = await this.blob(place);
      return createImageBitmap(blob).catch(() => Promise.reject(new Sentence(lost)));
    }
    const image = new Image();
    image.src = `data/sheet.${place}.${this.entry.type.split("/")[1] || "webp"}`;
    await image.decode().catch(() => Promise.reject(new Sentence(lost)));
    return image;
  }

  /** A sheet in this document, kept as the browser keeps files. @param {number} place @returns {Promise<Blob>} */
  blob(place) {
    let blob = this.blobs.get(place);
    if (!blob) {
      blob = this.pieces.bytes(`sheet.${place}`).then((bytes) => new Blob([/** @type {any} */ (bytes)], { type: this.entry.type }));
      this.blobs.set(place, blob);
    }
    return blob;
  }

  /** @param {number} index @param {ImageBitmap|HTMLImageElement} sheet */
  keep(index, sheet) {
    let slot = this.slots.size;
    if (slot >= SIDE * SIDE) {
      const [oldest, freed] = /** @type {[number, number]} */ (this.slots.entries().next().value);
      this.slots.delete(oldest);
      slot = freed;
    }
    const { tile, across, per_sheet } = this.entry;
    const at = index % per_sheet;
    const [x, y] = [(slot % SIDE) * tile, Math.floor(slot / SIDE) * tile];
    const context = /** @type {CanvasRenderingContext2D} */ (this.kept.getContext("2d"));
    context.clearRect(x, y, tile, tile);
    context.drawImage(sheet, (at % across) * tile, Math.floor(at / across) * tile, tile, tile, x, y, tile, tile);
    this.slots.set(index, slot);
  }
}
