// Does in Chromium what people do, and says what goes otherwise than it should. node act.mjs ADDRESS
import puppeteer from "puppeteer-core";

const address = process.argv[2];
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
let failed = 0;

async function act(what, path, steps, script = true) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.setJavaScriptEnabled(script);
  const refused = [];
  page.on("dialog", (dialog) => dialog.accept());
  page.on("console", (message) => { if (message.type() === "error" && !message.text().includes("422")) refused.push(message.text()); });
  page.on("pageerror", (error) => refused.push(error.message));
  try {
    await page.goto(address + path, { waitUntil: "load" });
    if (script && await page.$("#draft")) await page.waitForSelector(".editor");
    await steps(page);
    if (refused.length) throw new Error(refused.join("; "));
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${what}: ${error.message}`);
  }
  await page.close();
}
const until = (page, condition, ...given) => page.waitForFunction(condition, { timeout: 5000, polling: 100 }, ...given);
const sees = async (page, selector, text) => until(page, (at, words) => document.querySelector(at)?.textContent.includes(words), selector, text);
const holds = (value, what) => { if (!value) throw new Error(what); };
const focused = (page) => page.evaluate(() => document.activeElement.className || document.activeElement.tagName);

// Types behind the first word of a line.
async function type(page, word, text) {
  const line = await page.evaluateHandle((begin) => {
    const lines = document.querySelector(".editor").shadowRoot.querySelectorAll(".cm-line");
    return [...lines].find((each) => each.textContent.startsWith(begin));
  }, word);
  await line.click({ offset: { x: 10, y: 8 } });
  await page.keyboard.press("Home");
  for (const _ of word) await page.keyboard.press("ArrowRight");
  await page.keyboard.type(text);
}

await act("a slip is told while one types, and mended by a button", "/route", async (page) => {
  await sees(page, "#verdict", "No problems, 2 tests passed");
  await type(page, "lane", "e");
  await sees(page, "#verdict", "2 problems");
  await sees(page, "#problems", "a route has no key lanee");
  await sees(page, "#trial", "It could not be used");
  holds((await page.$eval("#draft", (area) => area.value)).includes("lanee:"), "the form's text is not the editor's");
  await page.click("#problems button");
  await sees(page, "#verdict", "No problems");
});
await act("a value lights up where it came from, by pointer and by keyboard", "/route", async (page) => {
  await page.waitForSelector("#trial tr[data-lights]");
  await page.hover("#trial tr[data-lights-line='26']");
  await until(page, () => document.querySelector(".row.lit")?.textContent.includes("caller_id"));
  await until(page, () => document.querySelector(".editor").shadowRoot.querySelector(".cm-line.lit")?.textContent.includes("phone"));
  await page.mouse.move(5, 5);
  await page.focus("#trial a.from");
  await until(page, () => document.querySelector(".row.lit")?.textContent.includes("pbx_call_id"));
  await page.hover(".row.used");
  await until(page, () => document.querySelectorAll("tr.lit").length > 0);
});
await act("saving says that it is live", "/route", async (page) => {
  await page.click("button[value=save]");
  await sees(page, "#save-note", "live as revision");
});
await act("a comparison is shown and gets the focus", "/route", async (page) => {
  await page.click("button[value=diff]");
  await sees(page, "#diff-result", "could not be delivered any more");
  await until(page, () => document.activeElement.id === "diff-title");
});
await act("what was made stays while the text can't be tried", "/route", async (page) => {
  await page.waitForSelector("#trial .row");
  await type(page, "send:", "\n  to: :");
  await until(page, () => !document.querySelector("#trial-note").hidden && document.querySelector("#trial .row"));
});
await act("a problem's link leads to its line", "/route-problems", async (page) => {
  await page.waitForSelector("#problems a[data-line='21']");
  await page.click("#problems a[data-line='21']");
  await until(page, () => document.querySelector(".editor").shadowRoot.querySelector(".cm-activeLine").textContent.includes("messages_inbx"));
});
await act("a keyboard gets into the editor and out of it", "/route", async (page) => {
  await page.evaluate(() => { document.querySelector(".editor").shadowRoot.querySelector(".cm-content").focus(); });
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  holds(await page.evaluate(() => !document.activeElement.classList.contains("editor")), `the focus stays in the editor: ${await focused(page)}`);
});
await act("the first stop of the keyboard leads to the content", "/events", async (page) => {
  await page.keyboard.press("Tab");
  holds(await focused(page) === "skip", "the first stop is something else");
  await page.keyboard.press("Enter");
  await until(page, () => document.activeElement.id === "main");
});
await act("new events come by themselves", "/events", async (page) => {
  await page.evaluate(() => { document.querySelector("#live table").id = "old"; });
  await until(page, () => !document.querySelector("#old"));
});
await act("who does not follow is told how many came", "/events-found", async (page) => {
  await sees(page, "#news button", "Show 1 new event");
  await page.click("#news button");
  await until(page, () => document.querySelector("#news").hidden);
});
await act("all of a page are chosen at once", "/dead-letters", async (page) => {
  await page.click("[data-pick-all]");
  await sees(page, "[data-picked]", "3 chosen");
});
await act("without script a route is a form with its buttons", "/route", async (page) => {
  for (const what of ["save", "diff", "check", "try"]) holds(await page.$(`button[value=${what}]`).then((found) => found.isVisible()), `no button ${what}`);
  holds(await page.$("#draft").then((found) => found.isVisible()), "no text");
  holds(await page.$("#trial .row").then((found) => found.isVisible()), "no playground");
}, false);
await act("without script the lists are whole", "/events", async (page) => {
  holds((await page.$$("#live tbody tr")).length === 15, "rows are missing");
  holds(!await page.$("[data-with-script]").then((found) => found.isVisible()), "a switch that does nothing is shown");
}, false);

await browser.close();
process.exit(failed ? 1 : 0);
