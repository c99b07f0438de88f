/** Values of points by column, as text and as numbers. */

import { figure } from "./dom.js";
import { Strings } from "./strings.js";

/** @typedef {import("./manifest.js").ColumnEntry} ColumnEntry */

export const NO_CLASS = 65535;

export class Column {
  /** @param {ColumnEntry} entry @param {Uint16Array|Float32Array|Strings} values */
  constructor(entry, values) {
    this.name = entry.name;
    this.kind = entry.kind;
    this.classes = entry.classes || [];
    this.values = values;
    this.low = entry.low ?? NaN;
    this.high = entry.high ?? NaN;
  }

  /** A value as people read it. @param {number} index @returns {string} */
  text(index) {
    if (this.values instanceof Strings) return this.values.at(index);
    const value = this.values[index];
    if (this.kind === "number") return figure(value);
    return value === NO_CLASS ? "none" : (this.classes[value] ?? "none");
  }

  /** A value as a file keeps it: empty where missing. @param {number} index @returns {string} */
  raw(index) {
    if (this.values instanceof Strings) return this.values.at(index);
    const value = this.values[index];
    if (this.kind === "number") return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "";
    return this.classes[value] ?? "";
  }
}

/** @param {import("./pieces.js").Pieces} pieces @param {ColumnEntry} entry @param {number} n @returns {Promise<Column>} */
export async function readColumn(pieces, entry, n) {
  if (entry.kind === "text") {
    const offsets = await pieces.places(/** @type {string} */ (entry.offsets), n + 1);
    const bytes = /** @type {Uint8Array} */ (await pieces.bytes(entry.piece));
    return new Column(entry, new Strings(bytes, offsets));
  }
  if (entry.kind === "number") return new Column(entry, /** @type {Float32Array} */ (await pieces.floats(entry.piece, n)));
  const bytes = /** @type {Uint8Array} */ (await pieces.bytes(entry.piece, 2 * n));
  return new Column(entry, new Uint16Array(bytes.buffer, bytes.byteOffset, n));
}
