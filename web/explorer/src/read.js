/** Reads the pieces in the order in which they are needed: the map, its colours, names, values, pictures, vectors. */

import { Client } from "./client.js";
import { readColumn } from "./columns.js";
import { planeNames, planeOf, Sentence } from "./manifest.js";
import { Pieces } from "./pieces.js";
import { Sprites } from "./sprites.js";
import { Strings } from "./strings.js";

const AGAIN = 2000; // milliseconds between questions for a plane that is being computed

/** @typedef {import("./app.js").App} App */

/** @param {App} app @param {() => Promise<void>} drawn resolves when the first picture stands @returns {Promise<void>} */
export async function read(app, drawn) {
  const pieces = new Pieces(app.manifest);
  const [first, ...others] = planeNames(app.manifest);
  const later = new Set();
  const plane = async (/** @type {string} */ name) => {
    if (!(await readPlane(app, pieces, name))) later.add(name);
  };
  while (!(await readPlane(app, pieces, first))) await pause();
  await drawn();
  const ready = others.filter((name) => planeOf(app.manifest, name, 0).ready);
  for (const name of others) if (!ready.includes(name)) later.add(name);
  for (const name of ready) await attempt(app, () => plane(name));
  const own = app.manifest.columns.findIndex((column) => column.name === app.manifest.colour);
  if (own >= 0) await attempt(app, () => readColumns(app, pieces, [own]));
  if (own >= 0 && app.column(/** @type {string} */ (app.manifest.colour))) app.setColour(app.manifest.colour);
  await attempt(app, () => readNames(app, pieces));
  const rest = app.manifest.columns.map((_, k) => k).filter((k) => k !== own);
  await attempt(app, () => readColumns(app, pieces, rest));
  await attempt(app, () => readSprites(app, pieces));
  for (const name of later) wait(app, pieces, name);
  if (!app.client) {
    app.vectors = app.unasked = "Search, neighbours and axes need the names and the worker, and one of them is missing; see above.";
    app.tell("vectors");
    return;
  }
  try {
    await readSpaces(app, pieces);
    app.vectors = "ready";
  } catch (error) {
    app.vectors = error instanceof Sentence ? error.message : "The vectors could not be read.";
    app.fail(error);
  }
  app.tell("vectors");
}

/** What is missing is said, and what comes after it is read all the same. @param {App} app @param {() => Promise<void>} work */
async function attempt(app, work) {
  try {
    await work();
  } catch (error) {
    app.fail(error);
  }
}

const pause = () => new Promise((resume) => setTimeout(resume, AGAIN));

/** @param {App} app @param {Pieces} pieces @param {string} name @returns {Promise<boolean>} false: not there yet */
async function readPlane(app, pieces, name) {
  const planes = [];
  for (let s = 0; s < app.manifest.spaces.length || s < 1; s++) {
    const points = await pieces.floats(planeOf(app.manifest, name, s).piece, 2 * app.n);
    if (!points) return false;
    planes.push(points);
  }
  app.addPlane(name, planes);
  return true;
}

/** Asks again for a plane until it is there; only a server has planes that come later. @param {App} app @param {Pieces} pieces @param {string} name */
async function wait(app, pieces, name) {
  if (app.manifest.delivery !== "server") return;
  await attempt(app, async () => {
    while (!(await readPlane(app, pieces, name))) await pause();
    app.say(`${name} is ready.`);
  });
}

/** @param {App} app @param {Pieces} pieces */
async function readNames(app, pieces) {
  const { piece, offsets } = app.manifest.names;
  const bytes = /** @type {Uint8Array} */ (await pieces.bytes(piece));
  const places = await pieces.places(offsets, app.n + 1);
  app.names = new Strings(bytes, places);
  app.client = new Client();
  await app.client.ask("names", { bytes, offsets: places });
  for (const column of app.columns) await give(app, column);
  app.tell("names");
}

/** @param {App} app @param {Pieces} pieces @param {number[]} which */
async function readColumns(app, pieces, which) {
  for (const k of which) {
    await attempt(app, async () => {
      const column = await readColumn(pieces, app.manifest.columns[k], app.n);
      const order = app.manifest.columns.map((entry) => entry.name);
      app.columns = [...app.columns, column].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
      await give(app, column);
    });
  }
  app.tell("columns");
}

/** A column for the search. @param {App} app @param {import("./columns.js").Column} column */
async function give(app, column) {
  const { name, kind, classes, values } = column;
  const given = values instanceof Strings ? { bytes: values.bytes, offsets: values.offsets } : { values, classes };
  await app.client?.ask("column", { column: { name, kind, ...given } });
}

/** @param {App} app @param {Pieces} pieces */
async function readSprites(app, pieces) {
  const { sprites, delivery, n } = app.manifest;
  if (!sprites) return;
  const missing = sprites.missing ? await pieces.bytes(sprites.missing, n) : null;
  app.sprites = new Sprites(sprites, pieces, delivery, missing, (error) => app.fail(error));
  app.tell("sprites");
}

/** Vectors go to the worker part by part, and are kept there alone. @param {App} app @param {Pieces} pieces */
async function readSpaces(app, pieces) {
  const client = app.asked();
  for (const [place, { name, dim, piece, scale }] of app.manifest.spaces.entries()) {
    const scales = /** @type {Float32Array} */ (await pieces.floats(scale, app.n));
    await client.ask("space", { place, name, dim, scales });
    /** @type {Promise<any>[]} */
    const sent = [];
    const size = await pieces.stream(piece, (bytes, offset) => sent.push(client.ask("rows", { place, bytes, offset }, [bytes.buffer])));
    if (size !== app.n * dim) throw new Sentence(`The piece ${piece} has ${size} bytes where ${app.n * dim} belong. Write the page again with selfsup explore.`);
    await Promise.all(sent);
    app.tell("vectors");
  }
  await client.ask("warm");
}
