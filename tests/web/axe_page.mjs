// What axe finds wrong with a page, without a browser: what depends on layout and colors is left out. Arguments: the folder of node_modules, then pages.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, ...pages] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const { JSDOM } = require("jsdom");
const source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
let wrong = 0;
for (const page of pages) {
  const text = readFileSync(page, "utf8").replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
  const dom = new JSDOM(text, { runScripts: "outside-only", pretendToBeVisual: true });
  dom.window.eval(source);
  const found = await dom.window.axe.run(dom.window.document, { rules: { "color-contrast": { enabled: false } } });
  for (const violation of found.violations) {
    wrong += violation.nodes.length;
    console.log(`${page}: ${violation.id}: ${violation.help}: ${violation.nodes[0].html.slice(0, 160)}`);
  }
  console.log(`${page}: ${found.passes.length} rules of axe ${dom.window.axe.version} pass, ${found.violations.length} do not`);
}
process.exit(wrong ? 1 : 0);
