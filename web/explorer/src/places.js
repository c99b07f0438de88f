/** Places on a plane, scaled to -1..1 with one unit both ways. */

/**
 * Scales planes of one name together, so that two of them can be compared.
 * @param {Float32Array[]} planes each (n, 2), changed in place
 * @returns {[number, number][]} half width and half height of each
 */
export function normalise(planes) {
  const boxes = planes.map(bounds);
  const unit = Math.max(...boxes.map(([x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0) / 2)) || 1;
  return planes.map((places, k) => {
    const [x0, y0, x1, y1] = boxes[k];
    const [midX, midY] = [(x0 + x1) / 2, (y0 + y1) / 2];
    for (let i = 0; i < places.length; i += 2) {
      places[i] = (places[i] - midX) / unit;
      places[i + 1] = (places[i + 1] - midY) / unit;
    }
    return [(x1 - x0) / 2 / unit, (y1 - y0) / 2 / unit];
  });
}

/** @param {Float32Array} places @returns {[number, number, number, number]} of places */
function bounds(places) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = [places[i], places[i + 1]];
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  if (!(x1 - x0 < Infinity && y1 - y0 < Infinity)) [x0, y0, x1, y1] = [-1, -1, 1, 1];
  return [x0, y0, x1, y1];
}

/**
 * Places of points by their values along one or two axes.
 * @param {Float32Array|null} across values put on x; null: the map's x
 * @param {Float32Array|null} up values put on y; null: the map's y
 * @param {Float32Array} map (n, 2)
 * @param {number[]} extent half width and half height of the map
 * @param {number[][]} ranges of x and of y: [low, high], common to all maps
 * @param {number} wide how much wider than high the places are
 * @returns {Float32Array} (n, 2)
 */
export function along(across, up, map, extent, ranges, wide) {
  const places = new Float32Array(map.length);
  const middle = ranges.map(([low, high]) => (low + high) / 2);
  const half = ranges.map(([low, high]) => (high - low) / 2 || 1);
  for (let i = 0, k = 0; k < map.length; i++, k += 2) {
    places[k] = across ? wide * ((across[i] - middle[0]) / half[0]) : (wide * map[k]) / (extent[0] || 1);
    places[k + 1] = up ? (up[i] - middle[1]) / half[1] : map[k + 1] / (extent[1] || 1);
  }
  return places;
}

/** @param {Float32Array[]} lists @returns {[number, number]} */
export function range(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of lists) {
    for (let i = 0; i < values.length; i++) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  }
  return [low, high];
}
