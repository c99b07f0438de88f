/**
 * What the page shows, as its writer told it.
 *
 * @typedef {{name: string, note: string, space: number, piece: string, ready: boolean}} Plane
 * @typedef {{name: string, dim: number, piece: string, scale: string}} Space
 * @typedef {{name: string, kind: "class"|"number"|"text", piece: string, offsets?: string, classes?: string[], low?: number, high?: number}} ColumnEntry
 * @typedef {{tile: number, across: number, per_sheet: number, count: number, type: string, missing: string|null}} SpriteEntry
 * @typedef {{version: number, delivery: "inline"|"folder"|"server", selfsup: string, title: string, sample: string, samples: string,
 *   n: number, total: number, words: boolean, notes: string[], pairs: string[][], planes: Plane[], spaces: Space[],
 *   names: {piece: string, offsets: string}, columns: ColumnEntry[], colour: string|null, sprites: SpriteEntry|null, originals: boolean,
 *   pieces: Object<string, {bytes: number, parts: number}>}} Manifest
 */

/** A sentence for people, that the page shows. */
export class Sentence extends Error {}

/** @returns {Manifest} */
export function readManifest() {
  const node = document.getElementById("manifest");
  if (!node) throw new Sentence("This page has lost its manifest, the list of what it shows. Write it again with selfsup explore.");
  let manifest;
  try {
    manifest = JSON.parse(node.textContent || "");
  } catch {
    throw new Sentence("This page's manifest cannot be read: it was cut off or changed. Write it again with selfsup explore.");
  }
  if (manifest.version !== 1) throw new Sentence(`This page was written in version ${manifest.version} of its format; it reads version 1.`);
  const lists = ["planes", "spaces", "columns", "notes", "pairs"];
  for (const name of lists) if (!Array.isArray(manifest[name])) throw new Sentence(`This page's manifest has no list of ${name}.`);
  if (!Number.isInteger(manifest.n) || manifest.n < 1) throw new Sentence("This page shows no point: its manifest counts none.");
  if (!manifest.planes.length) throw new Sentence("This page has no map: its manifest names no plane.");
  return manifest;
}

/** Names of planes, each once: two spaces have planes in pairs of one name. @param {Manifest} manifest */
export function planeNames(manifest) {
  return [...new Set(manifest.planes.map((plane) => plane.name))];
}

/** The plane of a name that shows a space. @param {Manifest} manifest @param {string} name @param {number} space */
export function planeOf(manifest, name, space) {
  const named = manifest.planes.filter((plane) => plane.name === name);
  return named.find((plane) => plane.space === space) || named[0];
}
