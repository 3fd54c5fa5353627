// Takes a picture of every view, on a desktop and a phone, in light and dark, and looks for what hinders people:
// axe-core's rules, what the page's policy refused, errors of the script, and content that is wider than the screen.
// node look.mjs ADDRESS FOLDER LANGUAGE [NAME…]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [address, folder, language, ...names] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844, isMobile: true, hasTouch: true } };
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
let found = 0;
const tell = (where, what) => { found += 1; console.log(`${where}: ${what}`); };

for (const name of names) {
  for (const [size, viewport] of Object.entries(sizes)) {
    const page = await browser.newPage();
    await page.setViewport(viewport);
    const where = `${name} ${size} ${language}`;
    page.on("console", (message) => { if (["error", "warn"].includes(message.type())) tell(where, message.text()); });
    page.on("dialog", (dialog) => dialog.accept());
    page.on("pageerror", (error) => tell(where, error.message));
    for (const scheme of ["light", "dark"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }]);
      await page.goto(`${address}/${name}?language=${language}&still`, { waitUntil: "load" });
      if (name.startsWith("route-") || name === "route") await page.waitForSelector(".editor", { timeout: 5000 });
      await new Promise((done) => setTimeout(done, 600));
      const wide = await page.evaluate((width) => document.documentElement.scrollWidth - width, viewport.width);
      if (wide > 0) tell(`${where} ${scheme}`, `${wide} pixels wider than the screen`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const one of violations) tell(`${where} ${scheme}`, `${one.id}: ${one.help}\n  ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join("\n  ")}`);
      await page.screenshot({ path: `${folder}/${name}-${size}-${scheme}.png`, fullPage: true });
    }
    await page.close();
  }
}
await browser.close();
console.log(found ? `${found} findings` : "nothing found");
process.exit(found ? 1 : 0);
