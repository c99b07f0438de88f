/** Base64 to bytes: the browser's own way where there is one, else by slices, so that the page stays alive. */

const SLICE = 1 << 20; // a multiple of 4 characters

/** @param {string} text @returns {Promise<Uint8Array>} */
export async function decode(text) {
  const own = /** @type {any} */ (Uint8Array).fromBase64;
  if (own) return own.call(Uint8Array, text);
  const clean = text.trim();
  const padding = clean.endsWith("==") ? 2 : clean.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((clean.length / 4) * 3 - padding);
  let place = 0;
  for (let start = 0; start < clean.length; start += SLICE) {
    const slice = atob(clean.slice(start, start + SLICE));
    for (let i = 0; i < slice.length; i++) bytes[place++] = slice.charCodeAt(i);
    await new Promise((resume) => setTimeout(resume));
  }
  return bytes;
}
