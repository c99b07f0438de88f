/** Points as a file that spreadsheets read: RFC 4180, and no cell that a spreadsheet would run as a formula. */

/** @param {string} text */
function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A text from outside: an apostrophe before what a spreadsheet would run. @param {string} text */
export function cell(text) {
  return quoted(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
}

/**
 * @param {import("./app.js").App} app @param {ArrayLike<number>} indices
 * @returns {string[]} pieces of the text
 */
export function csv(app, indices) {
  const parts = [["row", "name", ...app.columns.map((column) => column.name)].map(cell).join(",") + "\r\n"];
  for (let k = 0; k < indices.length; k++) {
    const i = indices[k];
    const values = app.columns.map((column) => (column.kind === "number" ? column.raw(i) : cell(column.raw(i))));
    parts.push([String(i), cell(app.name(i)), ...values].join(",") + "\r\n");
  }
  return parts;
}

/** @param {import("./app.js").App} app @param {ArrayLike<number>} indices @returns {string[]} a name a line */
export function names(app, indices) {
  return Array.from(indices, (i) => app.name(i).replace(/[\r\n]+/g, " ") + "\n");
}

/** @param {string[]} parts @param {string} name @param {string} type */
export function save(parts, name, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
