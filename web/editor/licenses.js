// Prints the licences of the packages that are in the bundle, by what esbuild says is in it.
import { readFileSync, readdirSync } from "node:fs";

const meta = JSON.parse(readFileSync("node_modules/meta.json", "utf8"));
const packages = new Set();
for (const input of Object.keys(meta.inputs)) {
  const found = input.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  if (found) packages.add(found[1]);
}
for (const name of [...packages].sort()) {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no licence text`);
  console.log(`${name} ${about.version} (${about.license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n\n${"-".repeat(80)}\n`);
}
