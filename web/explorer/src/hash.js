/** Addresses that lead to a point, a colour, a map or a search: #point=NAME&colour=COLUMN. */

import { Sentence } from "./manifest.js";

/** @param {import("./app.js").App} app */
export async function followHash(app) {
  await lead(app);
  window.addEventListener("hashchange", () => lead(app));
}

/** @param {import("./app.js").App} app */
async function lead(app) {
  const asked = new URLSearchParams(location.hash.slice(1));
  /** @type {Object<string, (value: string) => any>} */
  const ways = {
    plane: (value) => app.setPlane(value),
    colour: (value) => app.setColour(value || null),
    search: (value) => app.tell("ask-search", value),
    point: async (value) => {
      const { indices } = await app.group(value);
      if (!indices.length) throw new Sentence(`The address asks for ${value}, which is not in this map.`);
      await app.select(indices[0], { go: true });
    },
  };
  for (const [name, act] of Object.entries(ways)) {
    const value = asked.get(name);
    if (value === null) continue;
    try {
      await act(value);
    } catch (error) {
      app.fail(error);
    }
  }
}
