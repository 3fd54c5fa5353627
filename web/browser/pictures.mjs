// A picture of every view, on a desktop and a phone, of invented people.
import { mkdirSync, writeFileSync } from "node:fs";
import { smaller } from "./palette.mjs";

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844, isMobile: true, hasTouch: true } };
const tallest = { desktop: 1500, phone: 1900 };

async function picture(browser, address, folder, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    const page = await browser.newPage();
    await page.setViewport(viewport);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }, { name: "prefers-reduced-motion", value: "reduce" }]);
    await page.goto(address, { waitUntil: "load" });
    if (await page.$("#draft")) await page.waitForSelector(".editor");
    if (await page.$("#trial")) await page.waitForSelector("#trial .row", { timeout: 5000 }).catch(() => {});
    await new Promise((done) => { setTimeout(done, 1200); });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const clip = { x: 0, y: 0, width: viewport.width, height: Math.min(height, tallest[size]) };
    const small = smaller(Buffer.from(await page.screenshot({ clip, captureBeyondViewport: true })));
    writeFileSync(`${folder}/${name}-${size}.png`, small);
    console.log(`picture ${name}-${size}.png, ${Math.ceil(small.length / 1024)} KB`);
    page.on("dialog", (dialog) => dialog.accept());
    await page.close();
  }
}

const people = [
  ["Elisa Prado", "(51) 95555-0101", "I would like an offer for ten desks"], ["Fábio Nunes", "(61) 94444-0102", "The invoice has the wrong address"],
  ["Gabi Torres", "(71) 93333-0103", "Can I change my appointment?"], ["Hugo Leal", "(81) 92222-0104", "Where is my parcel?"],
  ["Inês Rocha", "(85) 91111-0105", "Do you repair screens?"], ["João Pires", "(92) 90000-0106", "Please call me after six"],
];

export async function takePictures({ browser, at, send, call, fail, sleep, folder, only }) {
  mkdirSync(folder, { recursive: true });
  if (only) { await picture(browser, `${at.page}/sign-in`, folder, only); return; }
  for (const [n, [name, phone, note]] of people.entries()) await send("/telephony", call(`c-48${n}`, phone, name, note));
  for (const name of ["Lia", "Mia"]) await send("/contact-form", { form: "contact", fields: { name, email: `${name.toLowerCase()}@example.com`, message: "When do you open?" } });
  const captured = await send("/trade-fair", { visitor: { name: "Duda Alves", mobile: "+351 912 345 678", email: "duda@example.com" }, stand: "B12", wants: "A visit next week" });
  await sleep(1500);
  for (const [error, name, phone, note] of [["invalid", "Karla Dias", "(11) 95555-0107", "My order came broken"], ["monthly_limit", "Luís Maia", "(11) 95555-0108", "Do you have this in blue?"]]) {
    await fail(error);
    await send("/telephony", call(`c-${phone.slice(-4)}`, phone, name, note));
    await sleep(1500);
  }
  const asked = await fetch(`${at.page}/dead-letters`, { headers: { Accept: "application/json" } });
  const letter = (await asked.json()).letters[0];
  const events = await fetch(`${at.page}/events?state=delivered&route=missed-call`, { headers: { Accept: "application/json" } });
  const story = (await events.json()).events[0].id;
  const shown = {
    overview: "/?window=1h", events: "/events", story: `/events/${story}`, "dead-letters": "/dead-letters", confirm: `/replay?ids=${letter?.id}`,
    routes: "/routes", route: "/routes/missed-call", "new-route": `/new-route?from=${captured}`, unmatched: "/unmatched",
    connections: "/connections", settings: "/settings",
  };
  for (const [name, path] of Object.entries(shown)) await picture(browser, at.page + path, folder, name);
}
