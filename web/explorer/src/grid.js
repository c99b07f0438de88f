/** Which points are where: points sorted by the cells of a grid over -1..1. */

const A_CELL = 6; // points in the mean

export class Grid {
  /** @param {Float32Array} places (n, 2) */
  constructor(places) {
    const n = places.length / 2;
    this.places = places;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < 2 * n; i += 2) {
      if (places[i] < x0) x0 = places[i];
      if (places[i] > x1) x1 = places[i];
      if (places[i + 1] < y0) y0 = places[i + 1];
      if (places[i + 1] > y1) y1 = places[i + 1];
    }
    this.x0 = x0;
    this.y0 = y0;
    this.x1 = x1;
    this.y1 = y1;
    const side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(n / A_CELL))));
    this.side = side;
    this.perX = side / (x1 - x0 || 1);
    this.perY = side / (y1 - y0 || 1);
    const cells = new Uint32Array(n);
    const starts = new Uint32Array(side * side + 1);
    for (let i = 0; i < n; i++) {
      const cell = this.row(places[2 * i + 1]) * side + this.column(places[2 * i]);
      cells[i] = cell;
      starts[cell + 1]++;
    }
    for (let cell = 0; cell < side * side; cell++) starts[cell + 1] += starts[cell];
    const next = starts.slice(0, -1);
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.order[next[cells[i]]++] = i;
    this.starts = starts;
  }

  /** @param {number} x */
  column(x) {
    return Math.min(Math.max(Math.floor((x - this.x0) * this.perX), 0), this.side - 1);
  }

  /** @param {number} y */
  row(y) {
    return Math.min(Math.max(Math.floor((y - this.y0) * this.perY), 0), this.side - 1);
  }

  /**
   * Visits the points of a box.
   * @param {number[]} box x0, y0, x1, y1
   * @param {(index: number) => boolean|void} visit true: enough
   */
  visit([x0, y0, x1, y1], visit) {
    const { places, order, starts, side } = this;
    if (x1 < this.x0 || x0 > this.x1 || y1 < this.y0 || y0 > this.y1) return;
    const [left, right] = [this.column(x0), this.column(x1)];
    for (let row = this.row(y0), top = this.row(y1); row <= top; row++) {
      for (let k = starts[row * side + left], end = starts[row * side + right + 1]; k < end; k++) {
        const i = order[k];
        const [x, y] = [places[2 * i], places[2 * i + 1]];
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && visit(i)) return;
      }
    }
  }

  /** @param {number[]} box @param {number} limit @param {(index: number) => boolean} seen @returns {number[]|null} null: more than the limit */
  within(box, limit, seen) {
    /** @type {number[]} */
    const found = [];
    this.visit(box, (i) => {
      if (seen(i)) found.push(i);
      return found.length > limit;
    });
    return found.length > limit ? null : found;
  }

  /** @param {number} x @param {number} y @param {number} radius @param {(index: number) => boolean} seen @returns {number|null} */
  nearest(x, y, radius, seen) {
    let best = null;
    let least = radius * radius;
    this.visit([x - radius, y - radius, x + radius, y + radius], (i) => {
      const distance = (this.places[2 * i] - x) ** 2 + (this.places[2 * i + 1] - y) ** 2;
      if (distance <= least && seen(i)) [best, least] = [i, distance];
    });
    return best;
  }

  /** Points within a polygon (even-odd). @param {number[][]} polygon corners @param {(index: number) => boolean} seen @returns {number[]} */
  inside(polygon, seen) {
    const xs = polygon.map((corner) => corner[0]);
    const ys = polygon.map((corner) => corner[1]);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    /** @type {number[]} */
    const found = [];
    this.visit(box, (i) => {
      const [x, y] = [this.places[2 * i], this.places[2 * i + 1]];
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
      }
      if (odd && seen(i)) found.push(i);
    });
    return found;
  }
}
