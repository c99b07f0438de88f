/** The state of the page and what can be done to it. Listeners hear what changed; nothing here draws. */

import { colouring } from "./colour.js";
import { counted } from "./dom.js";
import { planeNames, planeOf, Sentence } from "./manifest.js";
import { along, normalise, range } from "./places.js";

/**
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./columns.js").Column} Column
 * @typedef {{index: number, cosine: number}} Near
 * @typedef {{label: string, indices: number[]}} Group
 * @typedef {{a: Group, b: Group, values: Float32Array[], low: number[][], high: number[][]}} Axis one list a space
 * @typedef {{planes: Float32Array[], extents: [number, number][]}} Places of every space
 * @typedef {{text: string, count: number, found: Uint32Array, why: string[], whys: Uint8Array}} Hits
 */

const ENDS = 15; // extremes listed at both ends of an axis

export class App {
  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.manifest = manifest;
    this.n = manifest.n;
    this.client = /** @type {import("./client.js").Client|null} */ (null);
    this.names = /** @type {import("./strings.js").Strings|null} */ (null);
    this.sprites = /** @type {import("./sprites.js").Sprites|null} */ (null);
    this.columns = /** @type {Column[]} */ ([]);
    this.planes = /** @type {Map<string, Places>} */ (new Map());
    this.plane = planeNames(manifest)[0];
    this.colouring = colouring(null, this.n);
    this.hidden = /** @type {Set<number>} */ (new Set());
    this.point = /** @type {number|null} */ (null);
    this.near = /** @type {Near[][]} */ ([]);
    this.selection = /** @type {{indices: number[], why: string}|null} */ (null);
    this.hits = /** @type {Hits|null} */ (null);
    this.mask = /** @type {Uint8Array|null} */ (null); // 1 where a point is found or selected
    this.wide = 1; // how much wider than high a map is; axes fill it
    this.turn = 0; // of the search, so that a late answer is left out
    this.axes = /** @type {{x: Axis|null, y: Axis|null}} */ ({ x: null, y: null });
    this.unasked = "The page is still reading its names. Try again in a moment."; // why there is no client
    this.vectors = "waiting"; // "ready", or why not
    this.errors = /** @type {string[]} */ ([]);
    /** @type {Map<string, ((detail?: any) => void)[]>} */
    this.listeners = new Map();
  }

  /** @param {string} what @param {(detail?: any) => void} call */
  on(what, call) {
    for (const name of what.split(" ")) this.listeners.set(name, [...(this.listeners.get(name) || []), call]);
  }

  /** @param {string} what @param {any} [detail] */
  tell(what, detail) {
    for (const call of this.listeners.get(what) || []) call(detail);
  }

  /** Says a sentence to those who read and to those who listen. @param {string} sentence */
  say(sentence) {
    this.tell("said", sentence);
  }

  /** @param {unknown} error */
  fail(error) {
    const sentence = error instanceof Sentence ? error.message : `Something went wrong in this page: ${error instanceof Error ? error.message : error}`;
    if (this.errors.includes(sentence)) return;
    this.errors.push(sentence);
    this.tell("errors");
  }

  /** @param {number} index */
  name(index) {
    return this.names ? this.names.at(index) : `${this.manifest.sample} ${index}`;
  }

  /** @param {string} name */
  column(name) {
    return this.columns.find((column) => column.name === name) || null;
  }

  // ---------------------------------------------------------------- what is drawn

  /** @param {string} name @param {Float32Array[]} planes one a space */
  addPlane(name, planes) {
    this.planes.set(name, { planes, extents: normalise(planes) });
    this.tell("planes");
    if (name === this.plane) this.tell("places");
  }

  /** @param {string} name */
  setPlane(name) {
    if (!planeNames(this.manifest).includes(name)) throw new Sentence(`There is no map named ${name}; there are ${planeNames(this.manifest).join(", ")}.`);
    this.plane = name;
    this.axes = { x: null, y: null };
    if (!this.planes.has(name)) this.say(`${name} is still being computed. It appears when it is ready.`);
    else this.say(`Map: ${name}. ${planeOf(this.manifest, name, 0).note}`);
    this.tell("places");
    this.tell("axes");
  }

  /** Places of every space as they are shown: of a plane, or along axes. @returns {Places|null} */
  places() {
    const map = this.planes.get(this.plane) || this.planes.values().next().value;
    const { x, y } = this.axes;
    if (!map || (!x && !y)) return map || null;
    const ranges = this.ranges();
    const planes = map.planes.map((plane, s) => along(x && x.values[s], y && y.values[s], plane, map.extents[s], ranges, this.wide));
    return { planes, extents: planes.map(() => [this.wide, 1]) };
  }

  /** Ranges of x and of y, common to all spaces. @returns {[number, number][]} */
  ranges() {
    return [this.axes.x, this.axes.y].map((axis) => (axis ? range(axis.values) : /** @type {[number, number]} */ ([-1, 1])));
  }

  /** @param {string|null} name */
  setColour(name) {
    const column = name === null ? null : this.column(name);
    if (name !== null && !column) throw new Sentence(`There is no column named ${name}; there are ${this.columns.map((c) => c.name).join(", ") || "none"}.`);
    this.colouring = colouring(column, this.n);
    this.hidden = new Set();
    this.tell("colour");
  }

  /** Light became dark, or the other way: colours are looked up anew. */
  setTheme() {
    this.colouring = colouring(this.colouring.column, this.n);
    this.tell("theme");
  }

  /** Shows or hides a class. @param {number} code @param {boolean} hide */
  hide(code, hide) {
    this.hidden = new Set(this.hidden);
    if (hide) this.hidden.add(code);
    else this.hidden.delete(code);
    this.tell("hidden");
  }

  /** Whether a point is drawn. @param {number} index */
  seen(index) {
    return !this.hidden.has(this.colouring.codes[index]);
  }

  /** Marks what is found or selected: 1 there; null where nothing is. */
  mark() {
    this.mask = null;
    if (!this.selection && !this.hits) return;
    this.mask = new Uint8Array(this.n);
    for (const i of this.selection?.indices || []) this.mask[i] = 1;
    for (const i of this.hits?.found || []) this.mask[i] = 1;
  }

  // ---------------------------------------------------------------- what is asked

  /** @returns {import("./client.js").Client} */
  asked() {
    if (!this.client) throw new Sentence(this.unasked);
    return this.client;
  }

  askedVectors() {
    if (this.vectors !== "ready") throw new Sentence(this.vectors === "waiting" ? "The page is still reading its vectors. Try again in a moment." : this.vectors);
    return this.asked();
  }

  /** Shows a point and asks for its nearest. @param {number|null} index @param {{go?: boolean}} [how] `go`: the map moves there */
  async select(index, { go = false } = {}) {
    if (index !== null && !(Number.isInteger(index) && index >= 0 && index < this.n)) {
      throw new Sentence(`There is no point ${index}: they are counted from 0 to ${this.n - 1}.`);
    }
    this.point = index;
    this.near = [];
    this.tell("point", { go });
    if (index === null || this.vectors !== "ready") return;
    const near = await this.neighbours(index, 12);
    if (this.point !== index) return;
    this.near = near;
    this.tell("near");
    this.say(`${counted(near[0].length, "neighbour", "neighbours")} of ${this.name(index)}: ${near[0].slice(0, 3).map((one) => this.name(one.index)).join(", ")}.`);
  }

  /** @param {number} index @param {number} k @returns {Promise<Near[][]>} one list a space */
  neighbours(index, k) {
    return this.askedVectors().ask("neighbours", { index, k });
  }

  /** @param {string} text @returns {Promise<Hits|null>} */
  async search(text) {
    const turn = ++this.turn;
    if (!text.trim()) {
      this.hits = null;
      this.mark();
      this.tell("hits");
      return null;
    }
    const { found, why, whys } = await this.asked().ask("search", { text });
    const hits = { text, count: found.length, found, why, whys };
    if (turn !== this.turn) return hits;
    this.hits = hits;
    this.mark();
    this.tell("hits");
    this.say(`${counted(found.length, this.manifest.sample, this.manifest.samples)} found for ${text.trim()}.`);
    return hits;
  }

  /** @param {number[]|null} indices @param {string} [why] */
  setSelection(indices, why = "") {
    this.selection = indices && indices.length ? { indices, why } : null;
    this.mark();
    this.tell("selection");
    if (indices) this.say(`${counted(indices.length, this.manifest.sample, this.manifest.samples)} selected.`);
  }

  /** Names to a group of points; names that are not there are told. @param {string} text with commas @returns {Promise<Group & {missing: string[]}>} */
  async group(text) {
    const client = this.asked();
    const whole = text.trim();
    const parts = [...new Set(whole.split(",").map((part) => part.trim()).filter(Boolean))];
    const [one, ...each] = await client.ask("resolve", { texts: [whole, ...parts] });
    if (one >= 0) return { label: this.name(one), indices: [one], missing: [] };
    const indices = each.filter((/** @type {number} */ index) => index >= 0);
    const missing = parts.filter((_, k) => each[k] < 0);
    const first = indices.slice(0, 3).map((/** @type {number} */ index) => this.name(index));
    return { label: first.join(", ") + (indices.length > 3 ? ", ..." : ""), indices, missing };
  }

  /** @param {Group} a @param {Group} b @param {"x"|"y"} place @returns {Promise<Axis>} */
  async setAxis(a, b, place) {
    for (const [side, group] of [["A", a], ["B", b]]) {
      if (!(/** @type {Group} */ (group).indices.length)) throw new Sentence(`Group ${side} of the axis is empty: type names that are in the map, or use a selection.`);
    }
    const answer = await this.askedVectors().ask("axis", { a: a.indices, b: b.indices, ends: ENDS });
    if (answer.some((/** @type {any} */ one) => !one)) throw new Sentence("The two groups have the same mean, so there is no axis from one to the other.");
    const pick = (/** @type {string} */ name) => answer.map((/** @type {any} */ one) => one[name]);
    const axis = { a, b, values: pick("values"), low: pick("low"), high: pick("high") };
    this.axes = { ...this.axes, [place]: axis };
    this.tell("places");
    this.tell("axes");
    this.say(`Axis from ${a.label} to ${b.label} on ${place}. Most like the second: ${axis.high[0].slice(0, 3).map((/** @type {number} */ i) => this.name(i)).join(", ")}.`);
    return axis;
  }

  /** Back to the map. */
  clearAxes() {
    if (!this.axes.x && !this.axes.y) return;
    this.axes = { x: null, y: null };
    this.tell("places");
    this.tell("axes");
    this.say(`Back to the map: ${this.plane}.`);
  }

  /** Nearest to a sum of words: "king - man + woman". @param {string} text @returns {Promise<{terms: {index: number, sign: number}[], near: Near[][]}>} */
  async analogy(text) {
    const parts = text.trim().split(/\s+([+\u2212-])\s+/); // word, sign, word, ...
    const words = parts.filter((_, k) => k % 2 === 0);
    if (!words.every(Boolean) || !text.trim()) throw new Sentence("Write words with + or - between them, such as king - man + woman.");
    const places = await this.askedVectors().ask("resolve", { texts: words });
    const lost = words.filter((_, k) => places[k] < 0);
    if (lost.length) throw new Sentence(`Not in this map: ${lost.join(", ")}.`);
    const terms = places.map((/** @type {number} */ index, /** @type {number} */ k) => ({ index, sign: k && parts[2 * k - 1] !== "+" ? -1 : 1 }));
    const near = await this.client?.ask("sum", { terms, k: 12 });
    this.say(`Nearest to ${text.trim()}: ${near[0].slice(0, 3).map((/** @type {Near} */ one) => this.name(one.index)).join(", ")}.`);
    return { terms, near };
  }
}
