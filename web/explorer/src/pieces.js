/** Pieces: named byte strings in parts, from this file, from a folder beside it, or from the server that sent it. */

import { decode } from "./base64.js";
import { Sentence } from "./manifest.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */

const LOST = "Write the page again with selfsup explore.";

/** A part of this document, once the parser is past it. @param {string} part @returns {Promise<Uint8Array>} */
function inline(part) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const node = document.querySelector(`script[data-part="${CSS.escape(part)}"]`);
      const whole = document.readyState !== "loading";
      if (node && (whole || node.nextElementSibling)) {
        const text = node.textContent || "";
        node.textContent = ""; // its bytes are kept once
        decode(text).then(resolve, () => reject(new Sentence(`The part ${part} of this page is damaged. ${LOST}`)));
      } else if (whole) {
        reject(new Sentence(`The part ${part} is missing from this page: the file was cut off. ${LOST}`));
      } else setTimeout(look, 20);
    };
    look();
  });
}

/** @type {Map<string, (text: string) => void>} */
const awaited = new Map();

/** A part from the folder, by a script: files refuse to be fetched. @param {string} part @returns {Promise<Uint8Array>} */
function besideMe(part) {
  const global = /** @type {any} */ (window);
  global.selfsupPart = (/** @type {string} */ name, /** @type {string} */ text) => awaited.get(name)?.(text);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const damaged = () => reject(new Sentence(`The file data/${part}.js is damaged. ${LOST}`));
    let called = false;
    awaited.set(part, (text) => {
      called = true;
      decode(text).then(resolve, damaged);
    });
    script.src = `data/${part}.js`;
    script.onload = () => {
      awaited.delete(part);
      script.remove();
      if (!called) damaged();
    };
    script.onerror = () => reject(new Sentence(`The file data/${part}.js is missing beside this page. Keep the folder whole, or write it again.`));
    document.head.append(script);
  });
}

/** @param {string} part @returns {Promise<Uint8Array|null>} null: not there yet */
async function served(part) {
  let answer;
  try {
    answer = await fetch(`data/${part}`);
  } catch {
    throw new Sentence("The server of this page does not answer: it was stopped in its terminal. Start selfsup explore again.");
  }
  if (answer.status === 202) return null;
  if (answer.status === 410) throw new Sentence(await answer.text()); // why it could not be computed
  if (!answer.ok) throw new Sentence(`The server of this page refused the part ${part} (${answer.status}). Start selfsup explore again.`);
  return new Uint8Array(await answer.arrayBuffer());
}

export class Pieces {
  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.manifest = manifest;
    this.read = { inline, folder: besideMe, server: served }[manifest.delivery];
    if (!this.read) throw new Sentence(`This page came in the form "${manifest.delivery}", which it does not know.`);
  }

  /**
   * Gives the parts of a piece one after another, as they arrive.
   * @param {string} name
   * @param {(bytes: Uint8Array, offset: number) => void} take
   * @returns {Promise<number>} bytes in all; -1 where the piece is not there yet
   */
  async stream(name, take) {
    const entry = this.manifest.pieces[name];
    if (!entry) throw new Sentence(`This page's manifest does not know the piece ${name}. ${LOST}`);
    let offset = 0;
    for (let part = 0; part < entry.parts; part++) {
      const bytes = await this.read(`${name}.${part}`);
      if (!bytes) return -1;
      const { length } = bytes; // it is 0 once the bytes were given away
      if (offset + length <= entry.bytes) take(bytes, offset);
      offset += length;
    }
    if (offset !== entry.bytes) throw new Sentence(`The piece ${name} has ${offset} bytes where ${entry.bytes} belong. ${LOST}`);
    return offset;
  }

  /**
   * @param {string} name
   * @param {number} [expected] bytes that it must have
   * @returns {Promise<Uint8Array|null>} null: not there yet
   */
  async bytes(name, expected) {
    /** @type {Uint8Array[]} */
    const parts = [];
    const size = await this.stream(name, (bytes) => parts.push(bytes));
    if (size < 0) return null;
    if (expected !== undefined && size !== expected) throw new Sentence(`The piece ${name} has ${size} bytes where ${expected} belong. ${LOST}`);
    if (parts.length === 1 && parts[0].byteOffset % 4 === 0) return parts[0];
    const whole = new Uint8Array(size);
    let place = 0;
    for (const part of parts) {
      whole.set(part, place);
      place += part.length;
    }
    return whole;
  }

  /** @param {string} name @param {number} length numbers that it must have @returns {Promise<Float32Array|null>} */
  async floats(name, length) {
    const bytes = await this.bytes(name, 4 * length);
    return bytes && new Float32Array(bytes.buffer, bytes.byteOffset, length);
  }

  /** @param {string} name @param {number} length @returns {Promise<Uint32Array>} */
  async places(name, length) {
    const bytes = /** @type {Uint8Array} */ (await this.bytes(name, 4 * length));
    return new Uint32Array(bytes.buffer, bytes.byteOffset, length);
  }
}
