/** One string a point, kept as UTF-8 bytes and decoded when asked. */

const decoder = new TextDecoder();
const SHORT = 24; // bytes up to which ASCII is read faster without it

export class Strings {
  /** @param {Uint8Array} bytes @param {Uint32Array} offsets (n + 1) */
  constructor(bytes, offsets) {
    this.bytes = bytes;
    this.offsets = offsets;
  }

  /** @param {number} index @returns {string} */
  at(index) {
    const [start, end] = [this.offsets[index], this.offsets[index + 1]];
    if (end - start > SHORT) return decoder.decode(this.bytes.subarray(start, end));
    let text = "";
    for (let k = start; k < end; k++) {
      if (this.bytes[k] > 127) return decoder.decode(this.bytes.subarray(start, end));
      text += String.fromCharCode(this.bytes[k]);
    }
    return text;
  }
}
