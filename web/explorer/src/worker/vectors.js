/** Products with the vectors of a space, kept as int8 rows with a scale each: unit vector = row * scale. */

/** @typedef {{name: string, dim: number, rows: Int8Array, scales: Float32Array}} Space */

/**
 * Products of all rows with a vector of whole numbers, four rows and two numbers of each at a time: whole numbers are quicker
 * here than fractions, and four sums do not wait for each other.
 * @param {Space} space @param {Int32Array} query (dim,) @param {number} factor of every product
 * @returns {Float32Array} (n,)
 */
function sums({ rows, scales, dim }, query, factor) {
  const n = scales.length;
  const out = new Float32Array(n);
  const paired = dim - (dim % 2);
  const together = n - (n % 4);
  for (let i = 0; i < together; i += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    let r = i * dim;
    let s = r + dim;
    let t = s + dim;
    let u = t + dim;
    for (let k = 0; k < paired; k += 2, r += 2, s += 2, t += 2, u += 2) {
      const v = query[k];
      const w = query[k + 1];
      a = (a + Math.imul(rows[r], v) + Math.imul(rows[r + 1], w)) | 0;
      b = (b + Math.imul(rows[s], v) + Math.imul(rows[s + 1], w)) | 0;
      c = (c + Math.imul(rows[t], v) + Math.imul(rows[t + 1], w)) | 0;
      d = (d + Math.imul(rows[u], v) + Math.imul(rows[u + 1], w)) | 0;
    }
    if (paired < dim) {
      const v = query[paired];
      a += rows[r] * v;
      b += rows[s] * v;
      c += rows[t] * v;
      d += rows[u] * v;
    }
    out[i] = a * scales[i] * factor;
    out[i + 1] = b * scales[i + 1] * factor;
    out[i + 2] = c * scales[i + 2] * factor;
    out[i + 3] = d * scales[i + 3] * factor;
  }
  for (let i = together; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < dim; k++) sum += rows[i * dim + k] * query[k];
    out[i] = sum * scales[i] * factor;
  }
  return out;
}

/**
 * Products of all points with one vector, rounded to whole numbers as fine as 31 bits of a sum allow.
 * @param {Space} space @param {Float32Array} vector (dim,)
 * @returns {Float32Array} (n,): cosines, where the vector has unit length
 */
export function products(space, vector) {
  let most = 0;
  let total = 0;
  for (const value of vector) {
    most = Math.max(most, Math.abs(value));
    total += Math.abs(value);
  }
  const fine = Math.min(32767 / (most || 1), (2 ** 31 - 1 - 127 * vector.length) / (128 * (total || 1)));
  return sums(space, Int32Array.from(vector, (value) => Math.round(value * fine)), 1 / fine);
}

/**
 * Cosines of all points with one of them.
 * @param {Space} space @param {number} index
 * @returns {Float32Array} (n,)
 */
export function cosines(space, index) {
  const { rows, scales, dim } = space;
  return sums(space, Int32Array.from(rows.subarray(index * dim, (index + 1) * dim)), scales[index]);
}

/**
 * Unit vector of a point.
 * @param {Space} space @param {number} index @returns {Float32Array} (dim,)
 */
export function unit({ rows, scales, dim }, index) {
  const out = new Float32Array(dim);
  for (let k = 0; k < dim; k++) out[k] = rows[index * dim + k] * scales[index];
  return out;
}

/** Mean of unit vectors. @param {Space} space @param {ArrayLike<number>} indices @returns {Float32Array} (dim,) */
export function mean(space, indices) {
  const { rows, scales, dim } = space;
  const sums = new Float64Array(dim);
  for (let j = 0; j < indices.length; j++) {
    const i = indices[j];
    for (let k = 0, at = i * dim; k < dim; k++, at++) sums[k] += rows[at] * scales[i];
  }
  return Float32Array.from(sums, (sum) => sum / Math.max(indices.length, 1));
}

/** A vector at unit length; null where it has none. @param {ArrayLike<number>} vector @returns {Float32Array|null} */
export function normal(vector) {
  let square = 0;
  for (let k = 0; k < vector.length; k++) square += vector[k] * vector[k];
  const length = Math.sqrt(square);
  return length > 1e-6 ? Float32Array.from(vector, (value) => value / length) : null;
}
