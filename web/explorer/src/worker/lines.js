/** Many strings as one, a line each: the browser's own search in it reads millions of names in milliseconds. */

export class Lines {
  /** @param {Uint8Array} bytes UTF-8 of all strings @param {Uint32Array} offsets (n + 1) */
  constructor(bytes, offsets) {
    const n = offsets.length - 1;
    const lined = new Uint8Array(bytes.length + n + 1).fill(10);
    for (let i = 0; i < n; i++) {
      const to = offsets[i] + i + 1;
      for (let k = offsets[i]; k < offsets[i + 1]; k++) lined[to + k - offsets[i]] = bytes[k] === 10 ? 32 : bytes[k];
    }
    this.text = new TextDecoder().decode(lined); // "\nfirst\nsecond\n"
    this.n = n;
    this.lower = this.text.toLowerCase();
    this.exactStarts = starts(this.text, n);
    this.starts = this.lower.length === this.text.length ? this.exactStarts : starts(this.lower, n);
  }

  /** @param {number} index */
  at(index) {
    return this.text.slice(this.exactStarts[index], this.exactStarts[index + 1] - 1);
  }

  /** The string that is exactly this; else the one that is it but for capitals. @param {string} name @returns {number} -1: none */
  exact(name) {
    const found = this.text.indexOf(`\n${name}\n`);
    if (found >= 0) return holder(this.exactStarts, found + 1);
    const close = this.lower.indexOf(`\n${name.toLowerCase()}\n`);
    return close < 0 ? -1 : holder(this.starts, close + 1);
  }

  /**
   * Strings that hold a text, whatever its capitals: those that are it, those that begin with it, the others.
   * @param {string} text @returns {number[]}
   */
  holding(text) {
    const wanted = text.toLowerCase();
    const [equal, begin, inside] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
    let place = this.lower.indexOf(wanted, 1);
    while (place >= 0) {
      const index = holder(this.starts, place);
      const end = this.starts[index + 1] - 1;
      if (place !== this.starts[index]) inside.push(index);
      else if (place + wanted.length === end) equal.push(index);
      else begin.push(index);
      place = this.lower.indexOf(wanted, end);
    }
    return equal.concat(begin, inside);
  }
}

/** Which line holds a place of the text. @param {Uint32Array} list where lines begin, (n + 1) @param {number} place */
function holder(list, place) {
  let [low, high] = [0, list.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle] <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where each line begins. @param {string} text @param {number} n @returns {Uint32Array} (n + 1) */
function starts(text, n) {
  const out = new Uint32Array(n + 1);
  let place = 0;
  for (let i = 0; i <= n; i++) {
    out[i] = place + 1;
    place = text.indexOf("\n", place + 1);
  }
  return out;
}
