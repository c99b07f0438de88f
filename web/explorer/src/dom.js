/** Elements from their parts. Text is set as text: nothing here reads markup. */

/**
 * @param {string} tag
 * @param {Object<string, any>} [properties] `on`: listeners; `text`; `data`; others are attributes (null and false: left out)
 * @param {...(Node|string|null)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, call] of Object.entries(value)) made.addEventListener(event, call);
    else if (name === "text") made.textContent = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** @param {string} text @param {() => void} call @param {Object<string, any>} [properties] */
export function button(text, call, properties = {}) {
  return element("button", { type: "button", text, on: { click: call }, ...properties });
}

/** @param {Element} parent @param {...(Node|string|null)} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** @param {number} count */
export const grouped = (count) => count.toLocaleString("en-US");

/** "1 word", "2 words" @param {number} count @param {string} one @param {string} many */
export const counted = (count, one, many) => `${grouped(count)} ${count === 1 ? one : many}`;

/** A number as people read it. @param {number} value */
export function figure(value) {
  if (!Number.isFinite(value)) return "missing";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US", { useGrouping: Math.abs(value) >= 10000 });
  return String(Number(value.toPrecision(4)));
}
