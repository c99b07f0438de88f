/** One map of a space: points, overlay, camera. */

import { Camera } from "./camera.js";
import { DensityDrawing } from "./density.js";
import { element } from "./dom.js";
import { listen } from "./gestures.js";
import { GlDrawing } from "./gl.js";
import { Grid } from "./grid.js";
import { paint } from "./overlay.js";

export class MapView {
  /** @param {import("./app.js").App} app @param {number} space @param {string} caption @param {boolean} webgl */
  constructor(app, space, caption, webgl) {
    this.app = app;
    this.space = space;
    this.camera = new Camera();
    this.webgl = webgl;
    this.places = /** @type {Float32Array|null} */ (null);
    this.grid = /** @type {Grid|null} */ (null);
    this.hovered = /** @type {number|null} */ (null);
    this.path = /** @type {[number, number][]} */ ([]);
    this.lassoing = false;
    this.keyed = false;
    this.frame = 0;
    this.drawn = { sprites: 0, labels: 0, inView: /** @type {number|null} */ (null) };
    this.points = element("canvas", { class: "points", "aria-hidden": "true" });
    this.overlay = element("canvas", { class: "overlay", "aria-hidden": "true" });
    this.note = element("p", { class: "mapnote", hidden: true });
    this.summary = element("p", { class: "unseen", id: `map-${space}-summary` });
    this.box = element(
      "div",
      { id: `map-${space}`, class: "map", tabindex: 0, role: "application", "aria-roledescription": "map", "aria-label": caption, "aria-describedby": `map-${space}-summary` },
      this.points,
      this.overlay,
      caption && app.manifest.spaces.length > 1 ? element("p", { class: "caption", text: app.manifest.spaces[space].name, "aria-hidden": "true" }) : null,
      this.note,
      this.summary,
    );
    listen(this);
    this.drawing = /** @type {GlDrawing|DensityDrawing|null} */ (null);
  }

  /** Begins once the box stands in the document. */
  start() {
    this.measure();
    this.begin();
    new ResizeObserver(() => this.measure()).observe(this.box);
  }

  begin() {
    const lost = () => this.app.tell("lost");
    this.drawing = this.webgl ? new GlDrawing(this.points, this.camera, lost) : new DensityDrawing(this.points, this.camera);
  }

  /** Goes on without WebGL. */
  fallBack() {
    this.drawing?.destroy();
    const fresh = element("canvas", { class: "points", "aria-hidden": "true" });
    this.points.replaceWith(fresh);
    this.points = fresh;
    this.webgl = false;
    this.begin();
    return this.redraw();
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height || (width === this.camera.width && height === this.camera.height)) return;
    this.camera.resize(width, height);
    const ratio = window.devicePixelRatio || 1;
    this.overlay.width = Math.round(width * ratio);
    this.overlay.height = Math.round(height * ratio);
    this.drawing?.resize();
    this.look();
  }

  /** @param {Float32Array} places @param {[number, number]} extent @returns {Promise<void>} */
  setPlaces(places, extent) {
    this.places = places;
    this.grid = null;
    this.hovered = null;
    this.camera.fit(extent);
    return this.redraw();
  }

  /** Draws the points anew: their places, colours or what matters changed. @returns {Promise<void>} */
  async redraw() {
    if (!this.places || !this.drawing) return;
    const { codes, colours } = this.app.colouring;
    await this.drawing.draw({ places: this.places, codes, colours, hidden: this.app.hidden, emphasis: this.app.mask });
    this.look();
  }

  /** Draws the same points from where one looks now. */
  look() {
    this.drawing?.look();
    this.paint();
  }

  /** Paints the overlay, at most once a frame. */
  paint() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.places) this.grid ??= new Grid(this.places);
      paint(this);
    });
  }

  /** Pixels of a point. @param {number} index @returns {[number, number]} */
  at(index) {
    const places = /** @type {Float32Array} */ (this.places);
    return this.camera.toScreen(places[2 * index], places[2 * index + 1]);
  }

  /** @param {[number, number]} pixel @param {number} reach pixels @returns {number|null} */
  find(pixel, reach) {
    if (!this.places) return null;
    this.grid ??= new Grid(this.places);
    const wide = this.drawn.sprites ? Math.max(reach, 22) : reach;
    return this.grid.nearest(...this.camera.toPlane(...pixel), wide / this.camera.scale, (i) => this.app.seen(i));
  }

  /** @param {[number, number]|null} pixel */
  hover(pixel) {
    const found = pixel && this.find(pixel, 10);
    if (found === this.hovered) return;
    this.hovered = found;
    this.box.classList.toggle("over", found !== null);
    this.paint();
  }

  /** @param {[number, number]} pixel @param {number} reach */
  click(pixel, reach) {
    const found = this.find(pixel, reach);
    this.app.select(found).catch((error) => this.app.fail(error));
  }

  /** @param {number[][]} path pixels @param {boolean} [more] adds to what is selected @returns {number} points */
  lasso(path, more = false) {
    if (!this.places) return 0;
    this.grid ??= new Grid(this.places);
    const corners = path.map(([x, y]) => this.camera.toPlane(x, y));
    const found = this.grid.inside(corners, (i) => this.app.seen(i)).sort((a, b) => a - b);
    const before = more ? this.app.selection?.indices || [] : [];
    const all = before.length ? [...new Set([...before, ...found])].sort((a, b) => a - b) : found;
    this.app.setSelection(all, "by lasso");
    this.setLassoing(false);
    return all.length;
  }

  /** @param {boolean} on */
  setLassoing(on) {
    if (on !== this.lassoing) this.app.tell("lassoing", on);
  }

  /** Goes to a point, closer if one is far. @param {number} index */
  go(index) {
    if (!this.places) return;
    this.camera.x = this.places[2 * index];
    this.camera.y = this.places[2 * index + 1];
    if (this.camera.closer() < 6) this.camera.zoom(6 / this.camera.closer());
    this.look();
  }
}
