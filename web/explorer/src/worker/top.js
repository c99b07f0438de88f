/** The k greatest of many numbers, without sorting all: a small heap whose least stands first. */

/**
 * @param {Float32Array} values
 * @param {number} k
 * @param {Set<number>} [without] places that do not count
 * @returns {number[]} places, greatest first
 */
export function top(values, k, without = new Set()) {
  const heap = /** @type {number[]} */ ([]);
  const sink = (/** @type {number} */ place) => {
    for (;;) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < heap.length && values[heap[child]] < values[heap[least]]) least = child;
      }
      if (least === place) return;
      [heap[place], heap[least]] = [heap[least], heap[place]];
      place = least;
    }
  };
  let bar = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (!(values[i] > bar) || without.has(i)) continue;
    if (heap.length < k) {
      heap.push(i);
      if (heap.length === k) {
        for (let place = k >> 1; place >= 0; place--) sink(place);
        bar = values[heap[0]];
      }
    } else {
      heap[0] = i;
      sink(0);
      bar = values[heap[0]];
    }
  }
  return heap.sort((a, b) => values[b] - values[a] || a - b);
}
