/** Answers questions about vectors and names, off the thread that draws. */

import { Lines } from "./lines.js";
import { search } from "./search.js";
import { top } from "./top.js";
import { cosines, mean, normal, products, unit } from "./vectors.js";

/** @typedef {import("./vectors.js").Space} Space */

/** @type {Space[]} */
const spaces = [];
/** @type {import("./search.js").Column[]} */
const columns = [];
let names = /** @type {Lines|null} */ (null);
/** @type {{bytes: Uint8Array, offsets: Uint32Array}|null} */
let waiting = null;

/** Names as lines, made when they are first asked for. @returns {Lines} */
function lines() {
  if (!names && waiting) {
    names = new Lines(waiting.bytes, waiting.offsets);
    waiting = null;
  }
  if (!names) throw new Error("names");
  return names;
}

/** @param {Float32Array} values @param {number} k @param {Set<number>} [without] */
function nearest(values, k, without) {
  return top(values, k, without).map((index) => ({ index, cosine: Math.max(-1, Math.min(1, values[index])) }));
}

/** @type {Object<string, (request: any) => any>} */
const answers = {
  names: ({ bytes, offsets }) => {
    waiting = { bytes, offsets };
  },
  column: ({ column }) => {
    columns.push(column);
  },
  space: ({ place, name, dim, scales }) => {
    spaces[place] = { name, dim, scales, rows: new Int8Array(scales.length * dim) };
  },
  rows: ({ place, bytes, offset }) => {
    spaces[place].rows.set(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length), offset);
  },
  /** Makes the loops quick before the first question. */
  warm: () => {
    const few = 2000;
    for (const { name, dim, rows, scales } of spaces) {
      const space = { name, dim, rows: rows.subarray(0, few * dim), scales: scales.subarray(0, few) };
      for (let turn = 0; turn < 20; turn++) {
        cosines(space, 0);
        products(space, unit(space, 0));
      }
    }
  },
  search: ({ text }) => search(text, lines(), columns),
  resolve: ({ texts }) => texts.map((/** @type {string} */ text) => lines().exact(text)),
  neighbours: ({ index, k }) => spaces.map((space) => nearest(cosines(space, index), k, new Set([index]))),
  /** Projections on the axis from the mean of one group to the mean of another. */
  axis: ({ a, b, ends }) =>
    spaces.map((space) => {
      const [from, to] = [mean(space, a), mean(space, b)];
      const direction = normal(to.map((value, k) => value - from[k]));
      if (!direction) return null;
      const values = products(space, direction);
      const high = top(values, ends);
      const low = top(values.map((value) => -value), ends);
      return { values, low, high };
    }),
  /** Nearest to a sum of unit vectors with signs (3CosAdd). */
  sum: ({ terms, k }) =>
    spaces.map((space) => {
      const total = new Float32Array(space.dim);
      for (const { index, sign } of terms) unit(space, index).forEach((value, d) => (total[d] += sign * value));
      const direction = normal(total);
      const without = new Set(terms.map((/** @type {{index: number}} */ term) => term.index));
      return direction ? nearest(products(space, direction), k, without) : [];
    }),
};

self.onmessage = ({ data }) => {
  const { id, question, request } = data;
  try {
    const answer = answers[question](request);
    /** @type {Transferable[]} */
    const moved = [];
    for (const part of Array.isArray(answer) ? answer : [answer]) {
      for (const value of part ? Object.values(part) : []) if (ArrayBuffer.isView(value)) moved.push(value.buffer);
    }
    /** @type {any} */ (self).postMessage({ id, answer }, moved);
  } catch (error) {
    self.postMessage({ id, error: String(error instanceof Error ? error.message : error) });
  }
};
