// Builds the page from src/ into the Python package: npm ci && npm run build.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const out = join(here, "..", "..", "src", "selfsup", "explorer", "page");

const COMMON = { bundle: true, format: "iife", target: "es2022", minify: true, charset: "utf8", legalComments: "none", write: false, logLevel: "warning" };

/** All files of src/ and the lock, by their path. */
function sources() {
  const files = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(here, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"));
  return [...paths, "package-lock.json"].sort((a, b) => (a < b ? -1 : 1));
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const path of sources()) hash.update(path).update("\0").update(readFileSync(join(here, path))).update("\0");
  return hash.digest("hex");
}

/** Our own files write no code at run time; regl alone does. */
function refuseEval() {
  for (const path of sources().filter((name) => name.endsWith(".js"))) {
    if (/\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write/.test(readFileSync(join(here, path), "utf8"))) {
      throw new Error(`${path} makes code or markup of a text.`);
    }
  }
}

/** Text modules that are made here. */
function given(texts) {
  const filter = new RegExp(`^(${Object.keys(texts).join("|")})$`);
  return {
    name: "given",
    setup(building) {
      building.onResolve({ filter }, ({ path }) => ({ path, namespace: "given" }));
      building.onLoad({ filter: /.*/, namespace: "given" }, ({ path }) => ({ contents: texts[path], loader: "text" }));
    },
  };
}

/**
 * Name, version and licence of every package that is in the bundle. regl-scatterplot comes with its own packages built in, so
 * all that are installed for it are named, and what it copied from elsewhere stands in licences/.
 */
function licences() {
  const { packages } = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
  const roots = Object.keys(packages).filter((root) => root && !packages[root].dev);
  const texts = roots.sort().map((root) => {
    const folder = join(here, root);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    if (!file) throw new Error(`${name} ${version} (${license}) has no licence file.`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  for (const file of readdirSync(join(here, "licences")).sort()) texts.push(readFileSync(join(here, "licences", file), "utf8"));
  return texts.join(`\n${"-".repeat(78)}\n\n`);
}

refuseEval();
mkdirSync(out, { recursive: true });
const worker = await build({ ...COMMON, entryPoints: [join(source, "worker", "worker.js")], absWorkingDir: here });
const texts = { "worker-source": worker.outputFiles[0].text, licences: licences() };
const page = await build({ ...COMMON, entryPoints: [join(source, "main.js")], absWorkingDir: here, plugins: [given(texts)] });
const app = page.outputFiles[0].text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
const css = await build({ ...COMMON, entryPoints: [join(source, "style.css")], absWorkingDir: here });

writeFileSync(join(out, "explorer.js"), `/* selfsup explorer, built by web/explorer/build.mjs; sources sha256 ${fingerprint()}; licences in LICENSES.txt */\n${app}`);
writeFileSync(join(out, "explorer.css"), css.outputFiles[0].text);
writeFileSync(join(out, "index.html"), readFileSync(join(source, "index.html")));
writeFileSync(join(out, "LICENSES.txt"), texts.licences);
writeFileSync(join(out, "csp.json"), `${JSON.stringify({ "script-src": ["'unsafe-eval'"] })}\n`);
console.log(`${out}: explorer.js ${(app.length / 1024).toFixed(0)} KB`);
