// What the page does beyond plain links and forms. Every view works without it; API.md says what it asks of the server.

const here = document.body.dataset.view;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector, within = document) => within.querySelector(selector);

// Texts ---------------------------------------------------------------------------------------------------------------

const language = document.documentElement.lang;
const texts = new Map(all("#texts data").map((item) => [item.value, item.textContent]));
const plural = new Intl.PluralRules(language);

function say(key, values = {}) {
  const form = "n" in values ? (texts.get(`${key}.${plural.select(values.n)}`) ?? texts.get(`${key}.other`)) : undefined;
  let text = form ?? texts.get(key) ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, value);
  return text;
}

// Times: how long ago, kept true, and the exact moment in the reader's own zone ------------------------------------------

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
// A fixed clock for pictures; a server's page has none.
const still = document.documentElement.dataset.clock === "still";

function ago(moment) {
  const seconds = Math.round((moment - Date.now()) / 1000);
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(seconds, "second");
}

function tellTimes(within = document) {
  for (const time of all("time[datetime]", within)) {
    const moment = new Date(time.dateTime);
    if ("exact" in time.dataset) time.textContent = exact.format(moment);
    else if ("ago" in time.dataset) {
      time.title = exact.format(moment);
      time.textContent = ago(moment);
    }
  }
}

// Small things of forms -------------------------------------------------------------------------------------------------

function prepareForms(within = document) {
  for (const element of all("[data-without-script]", within)) element.hidden = true;
  for (const element of all("[data-with-script]:not(#news)", within)) element.hidden = false;
  for (const select of all("select[data-submit]", within)) select.onchange = () => select.form.submit();
  for (const box of all("[data-pick-all]", within)) {
    box.hidden = false;
    const boxes = () => all("input[name=ids]", box.closest("table"));
    const tell = () => {
      const picked = boxes().filter((each) => each.checked).length;
      one("[data-picked]").textContent = picked ? say("picked", { n: picked }) : "";
      box.checked = picked > 0 && picked === boxes().length;
      box.indeterminate = picked > 0 && !box.checked;
    };
    box.onchange = () => { boxes().forEach((each) => { each.checked = box.checked; }); tell(); };
    boxes().forEach((each) => { each.onchange = tell; });
  }
}

// What is live: the server says that something changed, and the part of this page that shows it is fetched anew ------------

function follow(live) {
  const pause = here === "events" ? 1000 : 5000;
  const box = one("#follow");
  const news = one("#news");
  let [missed, due, busy] = [0, false, false];

  const mayChange = () => !document.hidden && (!box || box.checked) && !live.contains(document.activeElement)
    && getSelection().isCollapsed && !new URLSearchParams(location.search).has("before");

  async function refresh() {
    [missed, due, busy] = [0, false, true];
    if (news) news.hidden = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/sign-in") lose("out");
      const fresh = answer.ok && one("#live", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (fresh) {
        const known = new Set(all("a.row-link", live).map((link) => link.href));
        live.replaceChildren(...fresh.childNodes);
        if (here === "events") all("a.row-link", live).forEach((link) => known.has(link.href) || link.closest("tr").classList.add("arrived"));
        tellTimes(live);
      }
    } catch { lose("lost"); }
    setTimeout(() => { busy = false; if (due) arrived(0); }, pause);
  }

  function arrived(events) {
    missed += events;
    if (busy) due = true;
    else if (mayChange()) refresh();
    else if (news && missed) {
      one("button", news).textContent = say("new_events", { n: missed });
      news.hidden = false;
    } else due = true;
  }

  // A browser has few connections to one server, so a page that nobody sees holds none.
  let [stream, silence, again, pauses] = [null, 0, 0, 0];
  function hush() {
    clearTimeout(silence);
    clearTimeout(again);
    stream?.close();
    stream = null;
  }
  function listen() {
    hush();
    stream = new EventSource("/api/stream");
    stream.onopen = () => { pauses = 0; heard(); if (found()) refresh(); };
    stream.onerror = () => look();
    stream.addEventListener("beat", heard);
    stream.addEventListener("changed", (message) => { heard(); arrived(JSON.parse(message.data).events); });
  }
  // The server is heard every 15 seconds; a connection that is cut on the way says nothing of it.
  function heard() {
    clearTimeout(silence);
    silence = setTimeout(look, 40_000);
  }
  // Whether the server answers, more and more rarely while it does not. One with too many streams is asked for the page instead.
  async function look() {
    hush();
    let status = 0;
    try { ({ status } = await fetch("/api/status", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10_000) })); } catch { /* 0 */ }
    if (document.hidden || stream) return;
    clearTimeout(again);
    again = setTimeout(status === 200 ? listen : look, Math.min(1000 * 2 ** pauses++, 15_000));
    if (status === 200) { if (found() || pauses > 3) refresh(); } else lose(status === 401 ? "out" : "lost");
  }
  // What is shown is old then: it says so, and nothing claims that all is well.
  const link = one("#link");
  function lose(why) {
    if (live.dataset.lost !== why) {
      const block = make("div", "notice notice-bad", icon("bad"), make("p", "", say(why === "out" ? "signed_out" : "lost_view")));
      if (why === "out") {
        const way = make("a", "", say("sign_in"));
        way.href = `/sign-in?back=${encodeURIComponent(location.pathname + location.search)}`;
        block.lastChild.append(" ", way);
      }
      link.replaceChildren(block);
    }
    live.dataset.lost = why;
    if (stream) look();
  }
  function found() {
    const was = live.dataset.lost;
    delete live.dataset.lost;
    link.replaceChildren();
    return Boolean(was);
  }
  if (!document.hidden) listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hush();
    else { listen(); arrived(0); }
  });
  if (box) box.onchange = () => { if (box.checked) refresh(); };
  if (news) one("button", news).onclick = refresh;
}

// Where a value is from: pointing at it lights up the value of the payload and the line of the route ----------------------

let editor;

function lightUp(target) {
  all(".lit").forEach((element) => element.classList.remove("lit"));
  const carrier = target?.closest?.("[data-lights], [data-row]");
  const made = target?.closest?.("tr[data-lights]");
  const lines = [];
  if (carrier?.dataset.row) {
    const users = all("tr[data-lights]").filter((row) => row.dataset.lights.split(" ").includes(carrier.dataset.row));
    [carrier, ...users].forEach((element) => element.classList.add("lit"));
    users.forEach((row) => row.dataset.lightsLine && lines.push(Number(row.dataset.lightsLine)));
  } else if (carrier) {
    made?.classList.add("lit");
    for (const id of carrier.dataset.lights.split(" ").filter(Boolean)) document.getElementById(id)?.classList.add("lit");
    if (made?.dataset.lightsLine) lines.push(Number(made.dataset.lightsLine));
  }
  editor?.light(lines);
}

let pointed;
function watchLights() {
  const changed = (event) => {
    const target = event.target.closest?.("[data-lights], [data-row]") ?? null;
    if (target !== pointed) lightUp(pointed = target);
  };
  document.addEventListener("pointerover", changed);
  document.addEventListener("focusin", changed);
}

// The page of one route ---------------------------------------------------------------------------------------------------

async function routePage(form) {
  const { edit } = await import("./editor.js");
  const { file } = form.dataset;
  const draft = one("#draft");
  const request = one("#request");
  const sample = one("#sample");
  let saved = draft.value;
  // A draft that was never saved begins as unsaved.
  if (!form.elements.base.value) saved = null;

  const ask = (method, address, body, accept = "application/json") => fetch(address, {
    method, body: JSON.stringify(body),
    headers: { Accept: accept, "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf.value },
  });

  // Problems, while one types.
  const verdict = one("#verdict");
  async function problems(text) {
    const answer = await ask("POST", "/api/check", { file, draft: text }).catch(() => null);
    if (!answer?.ok) { verdict.textContent = say("lost"); return []; }
    const { problems: found, tests } = await answer.json();
    showProblems(found, tests);
    return found.filter((problem) => problem.file === file);
  }
  function showProblems(found, tests) {
    const tone = !found.length ? "good" : found.some((problem) => problem.severity === "error") ? "bad" : "warn";
    const words = found.length ? say("problems", { n: found.length }) : say("no_problems") + (tests?.passed ? `, ${say("tests", { n: tests.passed })}` : "");
    if (verdict.textContent !== words) verdict.replaceChildren(marked(tone, words));
    one("#problems").replaceChildren(...found.map(problemBlock));
  }
  function problemBlock(problem) {
    const tone = problem.severity === "error" ? "bad" : "warn";
    const block = make("div", `problem tone-${tone}`, icon(tone));
    const words = make("div", "", make("p", "", make("span", "hidden", `${say(problem.severity)}: `), english("span", problem.message)));
    if (problem.code === "unconfirmed-guess") words.append(make("p", "help", say("guess_help")));
    else if (problem.help) words.append(english("p", problem.help, "help"));
    const place = make("a", "", `${problem.file}, ${say("line", { n: problem.from.line })}`);
    place.href = `?line=${problem.from.line}#draft`;
    Object.assign(place.dataset, { line: problem.from.line, column: problem.from.column });
    words.append(make("p", "place", problem.file === file ? place : place.textContent, problem.label ? ": " : "", english("span", problem.label ?? "")));
    words.append(make("p", "code", make("code", "", problem.code)));
    if (problem.fix && problem.file === file) {
      const mend = make("button", "quiet", say("fix"));
      mend.type = "button";
      mend.onclick = () => editor.mend(problem.fix);
      words.append(mend);
    }
    if (problem.code === "unconfirmed-guess" && problem.file === file) {
      const confirm = make("button", "quiet confirm", say("confirm_guess"));
      confirm.type = "button";
      confirm.onclick = () => { const fix = withoutGuess(draft.value, problem.from); if (fix) editor.mend(fix); };
      words.append(confirm);
    }
    block.append(words);
    return block;
  }

  // The playground. An answer that a later one has overtaken is passed over.
  const trial = one("#trial");
  let asked = 0;
  async function tryOut(tell = false) {
    if (!request?.value.trim() && !sample?.value) return;
    const mine = ++asked;
    trial.ariaBusy = "true";
    try {
      const answer = await ask("POST", "/api/dry-run", { file, draft: draft.value, sample: sample.value || null, request: request.value }, "text/html");
      const page = await answer.text();
      if (mine !== asked) return;
      // A draft that does not compile makes nothing: what was made before stays, and says so.
      const note = one("#trial-note");
      note.hidden = answer.status !== 422;
      one("span", note).textContent = say(one(".sides", trial) ? "blocked" : "blocked_nothing");
      if (!answer.ok) return;
      trial.replaceChildren(...new DOMParser().parseFromString(page, "text/html").body.childNodes);
      tellTimes(trial);
      if (tell) one("#trial-status").textContent = say("trial_done");
    } catch { /* the next change asks again */ } finally {
      if (mine === asked) trial.ariaBusy = null;
    }
  }

  const phrases = Object.fromEntries([...texts].filter(([key]) => key.startsWith("phrases.")).map(([key, text]) => [key.slice(8), text]));
  const labels = { fix: say("fix"), name: say("editor", { file }) };
  editor = edit(draft, { language: "yaml", labels, phrases, problems, changed: () => tryOut() });
  let chosen = request?.value;
  const requestEditor = request && edit(request, {
    language: request.dataset.editor, phrases, labels: { name: say("request_editor") },
    changed: (text) => { if (text !== chosen) { sample.value = ""; one("#sample-note").hidden = true; } tryOut(); },
  });
  // Those that came in, by the reader's own clock.
  for (const option of sample && !still ? sample.options : []) {
    if (/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.test(option.text)) option.text = exact.format(new Date(option.text.replace(" UTC", "Z").replace(" ", "T")));
  }
  if (sample) sample.onchange = async () => {
    const note = one("#sample-note");
    note.hidden = true;
    if (!sample.value) { one("#own").open = true; requestEditor.focus(); return; }
    const of = sample.value;
    const answer = await fetch(`/api/sample?of=${encodeURIComponent(of)}`).catch(() => null);
    const text = answer?.ok ? await answer.text() : "";
    if (of !== sample.value) return;
    // What is masked, or no text, is not for the editor: it is tried as it came, and an empty request stands for it.
    if (!answer?.ok) {
      note.textContent = say(answer?.status === 415 ? "sample_not_shown" : answer?.status === 404 ? "sample_gone" : "lost");
      note.hidden = false;
    }
    requestEditor.replace(chosen = text);
    if (answer?.ok || answer?.status === 415) tryOut(true);
    else trial.replaceChildren();
  };
  one("label[for=draft]").onclick = (event) => { event.preventDefault(); editor.focus(); };

  // Saving and comparing.
  const note = one("#save-note");
  async function save(button) {
    button.disabled = true;
    try {
      const answer = await ask("PUT", form.dataset.save, {
        draft: draft.value, base: form.elements.base.value || null, from: form.elements.from.value || null,
      });
      const said = await answer.json();
      if (said.base) {
        const isNew = !form.elements.base.value;
        [form.elements.base.value, saved] = [said.base, draft.value];
        if (isNew) await settle();
      }
      const tone = said.live ? "good" : "bad";
      note.setAttribute("role", "status");
      note.replaceChildren(marked(tone, said.message));
      if (said.problems?.length) showProblems(said.problems);
    } catch {
      note.replaceChildren(marked("bad", say("lost")));
    } finally { button.disabled = false; }
  }
  // A draft that is a file by now is at home at its own address, and its head says how it does.
  async function settle() {
    form.elements.from.value = "";
    history.replaceState(null, "", form.action);
    const answer = await fetch(form.action, { headers: { Accept: "text/html" } }).catch(() => null);
    const fresh = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh) return;
    for (const part of ["main > .head", "main > .crumbs", ".menu"]) {
      const [old, own] = [one(part), one(part, fresh)];
      if (old && own) old.replaceWith(own);
    }
    document.title = fresh.title;
  }
  async function compare() {
    const result = one("#diff-result");
    one("#diff").hidden = false;
    result.textContent = say("comparing");
    const answer = await ask("POST", "/api/diff", { file, draft: draft.value }, "text/html").catch(() => null);
    if (!answer?.ok) { result.textContent = say(answer?.status === 422 ? "not_compared" : "lost"); return; }
    result.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    tellTimes(result);
    one("#diff-title").focus();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.value === "diff") compare();
    else save(event.submitter);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); save(one("button[value=save]")); }
  });
  document.addEventListener("click", (event) => {
    const place = event.target.closest("a[data-line]");
    if (!place || !place.closest("#draft-form, .notice")) return;
    event.preventDefault();
    editor.goTo(Number(place.dataset.line), Number(place.dataset.column));
  });
  addEventListener("beforeunload", (event) => { if (draft.value !== saved) event.preventDefault(); });
  const line = Number(new URLSearchParams(location.search).get("line"));
  if (line) editor.goTo(line);
  editor.check();
  if (trial && !trial.querySelector(".sides")) tryOut();
}

// A guess is confirmed by taking out its key: of one line, with the comma before it, or the line that it has for itself.
function withoutGuess(text, { line, column }) {
  const signs = [...text.split("\n")[line - 1] ?? ""];
  const [before, guess] = [signs.slice(0, column - 1).join(""), signs.slice(column - 1).join("")];
  const value = guess.match(/^guess:\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}]*[^,}\s])/);
  const comma = before.match(/,\s*$/);
  if (!value || (!comma && before.trim())) return null;
  if (!comma) return { from: { line, column: 1 }, to: { line: line + 1, column: 1 }, replacement: "" };
  return { from: { line, column: column - comma[0].length }, to: { line, column: column + [...value[0]].length }, replacement: "" };
}

function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}
function english(tag, text, name) {
  // What stands between backticks is code.
  const parts = text.split("`");
  const element = make(tag, name, ...parts.map((part, at) => (at % 2 ? make("code", "", part) : part)));
  element.lang = "en";
  return element;
}
function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const [picture, use] = [document.createElementNS(space, "svg"), document.createElementNS(space, "use")];
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  picture.append(use);
  return picture;
}
const marked = (tone, words) => make("span", `state tone-${tone}`, icon(tone), words);

// ---------------------------------------------------------------------------------------------------------------------------

prepareForms();
watchLights();
if (!still) {
  tellTimes();
  setInterval(tellTimes, 30_000);
  one("[data-zone]").textContent = say("zone", { zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
}
const live = one("#live[data-live]");
if (live) follow(live);
const form = one("#draft-form");
if (form) routePage(form);
