// What an administrator does, by the page alone, over a server that runs: node suite.mjs BINARY WORKSPACE [PICTURES]
import { spawn } from "node:child_process";
import { readFileSync, appendFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import puppeteer from "puppeteer-core";
const { takePictures } = process.argv[4] ? await import("./pictures.mjs") : {};

const [binary, workspace, pictures] = process.argv.slice(2);
const token = "a-token-of-this-trial";
const views = ["/", "/events", "/dead-letters", "/unmatched", "/routes", "/routes/missed-call", "/connections", "/settings"];
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

// The workspace and its server -----------------------------------------------------------------------------------------

const settings = `${workspace}/jackfield.yaml`;
writeFileSync(settings, `${readFileSync(settings, "utf8").replace("# public_url: https://hooks.example.com  ", "public_url: https://hooks.example.com    ")}  whatsapp:
    provider: chat2desk
    token: \${env:CHAT2DESK_TOKEN}
    channel_id: 7

sources:
  telephony:                        # nobody knows this sender yet: what it sends is kept
    path: /telephony
    verify: { token: { query: key } }
    secret: \${env:TELEPHONY_KEY}
    capture: true
  trade-fair:
    path: /trade-fair
    verify: { token: { query: key } }
    secret: \${env:TELEPHONY_KEY}
    capture: true
`);
appendFileSync(`${workspace}/sandbox.env`, `CHAT2DESK_TOKEN=not-a-real-token\nTELEPHONY_KEY=try-me\nJACKFIELD_PAGE_TOKEN=${token}\n`);

let server, said, at;
// Again, it is where the page knows it.
async function start() {
  const free = ["--listen", "--admin", "--sandbox-listen"].flatMap((name) => [name, "127.0.0.1:0"]);
  server = spawn(binary, ["serve", "--sandbox", ...free, "--page", at ? new URL(at.page).host : "127.0.0.1:0"], { cwd: workspace });
  said = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => { said += text; });
  const found = (begin) => said.match(new RegExp(`${begin} +on +(http://[0-9.:]+)`))?.[1];
  for (let wait = 0; wait < 200 && !found("sandbox"); wait += 1) await sleep(100);
  if (!found("sandbox")) throw new Error(`the server did not start:\n${said}`);
  at = { page: found("page"), hooks: found("receiving"), sandbox: found("sandbox") };
}
const stop = () => new Promise((done) => { server.on("exit", done); server.kill("SIGTERM"); });
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

// A sender is a socket that writes a request; it hears the whole answer.
function send(path, body, type = "application/json") {
  const text = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const { hostname, port } = new URL(at.hooks);
  return new Promise((done, fail) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST /hooks${path}?key=try-me HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: ${type}\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`);
      socket.write(text);
    });
    socket.on("data", (piece) => { heard += piece; });
    socket.on("error", fail);
    socket.on("end", () => (heard.startsWith("HTTP/1.1 202") ? done(heard.match(/evt_\w+/)[0]) : fail(new Error(`the sender heard ${heard.split("\r\n")[0]}`))));
  });
}
const call = (id, caller, name, note) => ({
  kind: "call.missed", call: { id, caller, name, email: `${name.split(" ")[0].normalize("NFD").replace(/[^a-z]/gi, "").toLowerCase()}@example.com`, waited: 38, note },
});
const received = async () => (await (await fetch(`${at.sandbox}/_sandbox/requests`)).json());
const fail = (error, times = 1) => fetch(`${at.sandbox}/_sandbox/fail`, {
  method: "POST", headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ provider: "chat2desk", operation: "messages_inbox", error, times }),
}).then((answer) => holds(answer.ok, `the sandbox does not know ${error}`));

// Steps ------------------------------------------------------------------------------------------------------------------

await start();
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
let failed = 0;

// What the browser itself complains of, each view's policy included. It says so of each answer that refuses: of a draft that
// does not compile, and of a wrong token.
const expected = (message) => message.text().includes("status of 422")
  || (message.text().includes("status of 403") && message.location().url?.endsWith("/sign-in"));
function listen(page) {
  const heard = [];
  page.on("dialog", (dialog) => { heard.push(`it asks: ${dialog.type()} ${dialog.message()}`); dialog.accept(); });
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type()) && !expected(message)) heard.push(message.text());
  });
  page.on("pageerror", (error) => heard.push(error.message));
  page.on("response", (answer) => {
    if (answer.headers()["content-security-policy"] !== policy && answer.url().startsWith(at.page) && answer.status() < 300) heard.push(`${answer.url()} has another policy`);
    if (!answer.url().startsWith(at.page) && !answer.url().startsWith("data:")) heard.push(`it asked elsewhere: ${answer.url()}`);
  });
  return heard;
}

// `fails`: the server refuses, or goes, and the browser complains of that.
async function step(what, act, { script = true, viewport = { width: 1280, height: 800 }, path, fails } = {}) {
  const page = await browser.newPage();
  await page.setViewport(viewport);
  await page.setJavaScriptEnabled(script);
  const heard = listen(page);
  try {
    if (path) await open(page, path);
    await act(page);
    if (heard.length && !fails) throw new Error(heard.join("; "));
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    const shown = await page.$eval("main", (main) => main.innerText).catch(() => "");
    console.log(`FAILED  ${what}: ${error.message}\n        at ${page.url()}, which shows:\n${shown.slice(0, 1500).replace(/^/gm, "        | ")}`);
  }
  await page.close();
}

const holds = (value, what) => { if (!value) throw new Error(what); };
const open = (page, path) => page.goto(at.page + path, { waitUntil: "load" });
const until = (page, condition, ...given) => page.waitForFunction(condition, { timeout: 10_000, polling: 100 }, ...given);
async function sees(page, selector, text) {
  await until(page, (where, words) => [...document.querySelectorAll(where)].some((one) => one.textContent.includes(words)), selector, text)
    .catch(() => { throw new Error(`\`${selector}\` does not come to say \`${text}\``); });
}
// Follows a link or presses a button by its words, as they are read, and waits for the page that comes.
async function press(page, words, { within = "main", stays = false } = {}) {
  const found = await page.evaluateHandle((where, text) => [...document.querySelectorAll(`${where} a, ${where} button`)]
    .find((one) => one.textContent.trim().startsWith(text) && one.checkVisibility()), within, words);
  holds(found.asElement(), `there is no \`${words}\` to press`);
  if (stays) return found.click();
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), found.click()]);
}
const menu = (page, words) => press(page, words, { within: ".menu" });
const verdict = (page, words) => sees(page, "#verdict", words);
const focused = (page, selector) => page.evaluate((what) => document.activeElement?.matches(what), selector);

// Takes a piece out of a line of the draft, with the mouse and the keys that anybody would use.
async function takeOut(page, line, piece) {
  const found = await page.evaluateHandle((begin) => [...document.querySelector(".editor").shadowRoot.querySelectorAll(".cm-line")]
    .find((one) => one.textContent.trim().startsWith(begin)), line);
  const text = await found.evaluate((one) => one.textContent);
  const cut = text.match(piece);
  await found.evaluate((one) => one.scrollIntoView({ block: "center" }));
  await found.click({ offset: { x: 4, y: 8 } });
  await page.keyboard.press("Home");
  await page.keyboard.press("Home");
  for (let n = 0; n < cut.index; n += 1) await page.keyboard.press("ArrowRight");
  for (let n = 0; n < cut[0].length; n += 1) await page.keyboard.press("Delete");
}
async function chord(page, held, key) {
  await page.keyboard.down(held);
  await page.keyboard.press(key);
  await page.keyboard.up(held);
}
const draft = (page) => page.$eval("#draft", (area) => area.value);
async function tabTo(page, selector) {
  for (let n = 0; n < 120; n += 1) {
    if (await focused(page, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not get to \`${selector}\``);
}
const enter = (page) => Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.keyboard.press("Enter")]);

// From a sender that nobody knows to its route ---------------------------------------------------------------------------

await step("a workspace in which nothing came says what to do", async (page) => {
  await sees(page, "main", "All is well");
  holds((await page.$$("main a[href='/connections#addresses']")).length, "no link leads to the addresses");
}, { path: "/" });

await step("what an unknown sender sends is there to look at", async (page) => {
  const id = await send("/telephony", call("c-4711", "(11) 99999-0000", "Ana Souza", "When do you open on Sunday?"));
  await sleep(500);
  await menu(page, "Unmatched");
  await sees(page, "h2", "telephony");
  await sees(page, "h2", "Captured");
  await sees(page, "code.shape", "call.caller");
  await press(page, id);
  await sees(page, ".payload, main", "When do you open on Sunday?");
}, { path: "/" });

await step("a route is made of it: drafted, confirmed, tried, saved, live", async (page) => {
  await press(page, "Make a route");
  await page.click("#name", { count: 3 });
  await page.keyboard.type("missed-call");
  await page.select("#to", "whatsapp.messages_inbox");
  await press(page, "Make a draft");
  await page.waitForSelector(".editor");
  await verdict(page, "problems");
  await sees(page, "#problems", "is a guess");
  await sees(page, "#trial", "5511999990000");
  // The first guess by hand, the others by their buttons.
  const guesses = [...(await draft(page)).matchAll(/^ {2}(\w+): \{.*, guess:/gm)].map((match) => match[1]);
  holds(guesses.length === 4, `${guesses.length} guesses`);
  await takeOut(page, `${guesses[0]}:`, /, guess: ".*"(?= \})/);
  for (let left = guesses.length - 1; left > 0; left -= 1) {
    await until(page, (count) => document.querySelectorAll("#problems button.confirm").length === count, left);
    await page.click("#problems button.confirm");
  }
  await verdict(page, "No problems");
  holds(!(await draft(page)).match(/, guess:/), `a guess is left: ${await draft(page)}`);
  // The playground takes another request.
  await page.click("#own summary");
  await page.evaluate(() => document.querySelectorAll(".editor")[1].shadowRoot.querySelector(".cm-content").focus());
  await chord(page, "Control", "End");
  for (let n = 0; n < 3; n += 1) await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(" And on Monday?");
  await sees(page, "#trial", "And on Monday?");
  await page.click("button[value=save]");
  await sees(page, "#save-note", "live as revision");
  await until(page, () => !document.querySelector("main > .head").textContent.includes("Not saved yet"));
  holds(page.url() === `${at.page}/routes/missed-call`, `a saved route is at ${page.url()}`);
  await page.reload();
  await verdict(page, "No problems");
  await menu(page, "Routes");
  await sees(page, "main tr", "missed-call");
  holds(!await page.$("main .tone-bad"), "the list of routes shows a fault");
}, { path: "/unmatched" });

await step("the sender's next webhook comes by itself, is delivered, and has its story", async (page) => {
  await page.waitForSelector("#live");
  await send("/telephony", call("c-4712", "(21) 98888-1234", "Bia Lima", "Do you deliver to Niterói?"));
  await sees(page, "#live tr", "missed-call");
  await sees(page, "#live tr", "Delivered");
  await press(page, "telephony", { within: "#live tbody tr:first-child" });
  await sees(page, "article h3", "missed-call");
  await sees(page, "section.delivery h4", "whatsapp.messages_inbox");
  await sees(page, "section.delivery h4", "Delivered");
  await sees(page, "section.delivery", "5521988881234");
  const got = JSON.stringify(await received());
  holds(got.includes("Niterói") && got.includes("5521988881234"), "the provider got something else");
}, { path: "/events" });

await step("it is found by its phone, however that is written", async (page) => {
  for (const phone of ["5521988881234", "(21) 98888-1234", "+55 21 98888 1234"]) {
    await open(page, "/events");
    await page.type("#f-value", phone);
    await press(page, "Search");
    holds((await page.$$("#live tbody tr")).length === 1, `${phone}: ${(await page.$$("#live tbody tr")).length} events`);
  }
  await open(page, "/events?value=5599999999999");
  await sees(page, "#live", "No event is like that");
});

await step("what its provider refuses is a dead letter, and is sent again", async (page) => {
  await fail("invalid");
  await send("/telephony", call("c-4713", "(31) 97777-4321", "Caio Reis", "Please call me back"));
  await sleep(1500);
  await open(page, "/");
  await sees(page, ".needs", "1 delivery was given up");
  await menu(page, "Dead letters");
  await sees(page, "table.letters", "whatsapp.messages_inbox");
  await page.click("[data-pick-all]");
  await sees(page, "[data-picked]", "1 chosen");
  await press(page, "Send again");
  await sees(page, "h1", "Send again?");
  await press(page, "Send");
  await sees(page, ".notice", "1 delivery is sent again.");
  holds(!await page.$("table.letters"), "it is still a dead letter");
  await open(page, "/events?value=5531977774321");
  await sees(page, "#live tr", "Delivered");
  await press(page, "telephony", { within: "#live tbody tr:first-child" });
  await sees(page, "section.delivery h4", "Sent again");
  await sees(page, "section.delivery h4", "Delivered");
});

await step("a slip is refused while one types, and the route from before goes on", async (page) => {
  await page.waitForSelector(".editor");
  await takeOut(page, "source:", /rce/);
  await verdict(page, "problem");
  await page.click("button[value=save]");
  await sees(page, "#save-note", "Not saved");
  page.removeAllListeners("dialog");
  page.on("dialog", (dialog) => dialog.accept());
  await open(page, "/routes/missed-call");
  await verdict(page, "No problems");
}, { path: "/routes/missed-call" });

// For everyone -------------------------------------------------------------------------------------------------------------

await step("the language is Portuguese by one choice, in every view", async (page) => {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.select("#language", "pt-BR")]);
  for (const view of views) {
    await open(page, view);
    holds(await page.$eval("html", (html) => html.lang) === "pt-BR", `${view} is not Portuguese`);
    await sees(page, ".menu", "Eventos");
  }
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.select("#language", "en")]);
  await sees(page, ".menu", "Events");
}, { path: "/" });

for (const [width, language] of [[390, "en"], [390, "pt-BR"], [320, "en"]]) {
  await step(`every view fits a screen of ${width} points, ${language}`, async (page) => {
    await page.setExtraHTTPHeaders({ "Accept-Language": language });
    const story = `/events/${await newest()}`;
    for (const view of [...views, story, "/new-route?from=" + story.slice(8), "/replay?ids=" + story.slice(8)]) {
      await open(page, view);
      await sleep(200);
      const wide = await page.evaluate((most) => document.documentElement.scrollWidth - most, width);
      holds(wide <= 0, `${view} is ${wide} points wider than the screen`);
    }
  }, { viewport: { width, height: 844, isMobile: true, hasTouch: true } });
}
async function newest() {
  const answer = await fetch(`${at.page}/events`, { headers: { Accept: "application/json" } });
  return (await answer.json()).events[0].id;
}

await step("by the keyboard alone: found, read, sent again", async (page) => {
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await tabTo(page, "#f-value");
  await page.keyboard.type("5521988881234");
  await enter(page);
  await tabTo(page, "a.row-link");
  await enter(page);
  await tabTo(page, "main a.button[href^='/replay']");
  await enter(page);
  await tabTo(page, "main form.ask button");
  await enter(page);
  await sees(page, ".notice", "1 event goes through its routes again.");
}, { path: "/events" });

await step("by the keyboard alone: a route is changed and saved", async (page) => {
  await page.waitForSelector(".editor");
  await tabTo(page, ".editor");
  await chord(page, "Control", "Home");
  for (let n = 0; n < 3; n += 1) await chord(page, "Shift", "ArrowDown");
  await page.keyboard.type("description: A missed call becomes a message\n");
  await verdict(page, "No problems");
  await tabTo(page, "button[value=save]");
  await page.keyboard.press("Enter");
  await sees(page, "#save-note", "live as revision");
}, { path: "/routes/missed-call" });

await step("without script: a route is changed, checked, tried, compared and saved", async (page) => {
  await page.click("#draft");
  await chord(page, "Control", "Home");
  await page.keyboard.press("End");
  await page.keyboard.type(", without script");
  for (const what of ["check", "try", "diff", "save"]) {
    await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click(`button[value=${what}]`)]);
    holds((await page.$eval("#draft", (area) => area.value)).includes("without script"), `${what}: the draft is gone`);
  }
  holds((await page.$eval("main", (main) => main.innerText)).includes("live as revision"), "it was not saved");
}, { path: "/routes/missed-call", script: false });

await step("without script: a dead letter is sent again", async (page) => {
  await fail("invalid");
  await send("/telephony", call("c-4714", "(41) 96666-1111", "Davi Melo", "Is the shop open?"));
  await sleep(1500);
  await open(page, "/dead-letters");
  await page.click("input[name=ids]");
  await press(page, "Send again");
  await press(page, "Send");
  holds((await page.$eval(".notice", (notice) => notice.innerText)).includes("1 delivery is sent again."), "nothing says so");
}, { script: false });

await step("by a shortcut: a route is saved", async (page) => {
  await page.waitForSelector(".editor");
  await takeOut(page, "description:", /, without script/);
  await chord(page, "Control", "s");
  await sees(page, "#save-note", "live as revision");
}, { path: "/routes/missed-call" });

if (pictures) await takePictures({ browser, at, send, call, fail, sleep, folder: pictures });

await step("a request that is no text is tried as it came, and the playground says so", async (page) => {
  await page.waitForSelector(".editor");
  await sees(page, "#trial", "Ana Souza");
  const id = await send("/telephony", Buffer.from("kind=call.missed&nome=Jos\xe9", "latin1"), "application/x-www-form-urlencoded; charset=iso-8859-1");
  await sleep(500);
  await page.reload();
  await page.waitForSelector(".editor");
  await page.select("#sample", id);
  await sees(page, "#sample-note:not([hidden])", "tried as it came");
  await sees(page, "#trial", "José");
  holds(!(await page.$eval("#trial", (trial) => trial.textContent)).includes("Ana Souza"), "another request is shown");
}, { path: "/routes/missed-call", fails: true });

await step("the server goes, and the page says so; it comes back, and the page is up to date", async (page) => {
  await sees(page, "#live tr", "missed-call");
  await stop();
  await sees(page, "#link", "The server does not answer");
  await start();
  const id = await send("/trade-fair", call("c-4720", "(51) 95555-2222", "Lia Reis", "Are you there?"));
  await until(page, (event) => document.querySelector(`#live a[href="/events/${event}"]`) && !document.querySelector("#link").textContent, id);
}, { path: "/events", fails: true });

await step("the page gets a token by its own settings", async (page) => {
  await page.waitForSelector(".editor");
  await page.click(".editor");
  await chord(page, "Control", "End");
  await page.keyboard.type("\npage:\n  token: ${env:JACKFIELD_PAGE_TOKEN}\n");
  await verdict(page, "No problems");
  await page.click("button[value=save]");
  await sees(page, "#save-note", "live as revision");
}, { path: "/settings" });
await step("a page that is open while the server comes to want a token leads to the sign-in", async (page) => {
  await page.waitForSelector("#live");
  await stop();
  await sees(page, "#link", "The server does not answer");
  holds(!await page.$eval("#live", (live) => live.innerText.includes("All is well")), "all is well, it says");
  await start();
  await sees(page, "#link a[href='/sign-in?back=%2F']", "Sign in");
}, { path: "/", fails: true });
await step("who has no token sees nothing; who signs in sees all, and signs out", async (page) => {
  holds(page.url().includes("/sign-in?back="), "the page is open");
  holds(!await page.$(".menu"), "the menu is there");
  if (pictures) await takePictures({ browser, at, folder: pictures, only: "sign-in" });
  await page.type("#token", "wrong");
  await press(page, "Sign in");
  await sees(page, ".notice", "not the token");
  await page.type("#token", token);
  await press(page, "Sign in");
  await sees(page, "#live tr", "missed-call");
  await press(page, "Sign out", { within: ".foot" });
  await open(page, "/events");
  holds(page.url().includes("/sign-in"), "the page is still open");
}, { path: "/events" });

await browser.close();
await stop();
console.log(failed ? `${failed} of the steps failed` : "the page does what an administrator needs");
process.exit(failed ? 1 : 0);
