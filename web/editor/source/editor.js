// The editor of a route's page. It takes the place of a textarea, keeps the textarea's text the same as its own, and asks
// for problems while one types. It lives in a shadow root: there its styles are constructed style sheets, so that the page's
// policy needs no `unsafe-inline` and no nonce for styles.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { forceLinting, lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap,
  lineNumbers,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

const languages = { yaml, json, text: () => [] };

const theme = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--field)", fontSize: "0.8125rem", maxHeight: "var(--editor-height)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--quiet)", color: "var(--muted)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--active)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--active)", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--selection)" },
  ".cm-line.lit": { backgroundColor: "var(--lit)", boxShadow: "inset 3px 0 var(--lit-edge)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-diagnostic": { padding: "6px 10px", maxWidth: "60ch", whiteSpace: "pre-wrap", fontFamily: "var(--sans)" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--warn)" },
  ".cm-diagnosticAction": { backgroundColor: "var(--accent)", color: "var(--on-accent)", padding: "2px 8px" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)", textUnderlineOffset: "3px" },
  ".cm-lint-marker": { width: "1em", height: "auto", textAlign: "center", fontWeight: "700", lineHeight: "1.55" },
  ".cm-lint-marker-error, .cm-lint-marker-warning, .cm-lint-marker-info, .cm-lint-marker-hint": { content: "normal" },
  ".cm-lint-marker-error::before": { content: "'✕'", color: "var(--bad)" },
  ".cm-lint-marker-warning::before": { content: "'!'", color: "var(--warn)" },
  ".cm-panels": { backgroundColor: "var(--quiet)", color: "var(--text)" },
  ".cm-panel.cm-search": { padding: "8px 10px" },
  ".cm-panel.cm-search label, .cm-panel.cm-search .cm-textfield, .cm-panel.cm-search .cm-button": { fontSize: "0.8125rem", fontFamily: "var(--sans)" },
  ".cm-panel.cm-search input[type=checkbox]": { accentColor: "var(--accent)" },
  ".cm-panel.cm-search [name=close]": { fontSize: "1.25rem", padding: "2px 8px" },
  ".cm-textfield": { backgroundColor: "var(--field)", color: "var(--text)", border: "1px solid var(--edge)" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--edge)" },
  ".tok-propertyName": { color: "var(--code-key)" },
  ".tok-string, .tok-string2": { color: "var(--code-text)" },
  ".tok-number, .tok-bool, .tok-null, .tok-atom": { color: "var(--code-number)" },
  ".tok-comment": { color: "var(--muted)", fontStyle: "italic" },
  ".tok-punctuation, .tok-operator, .tok-meta": { color: "var(--muted)" },
});

// Lines that are lit up from outside, to show where a value is from.
const setLit = StateEffect.define();
const litLines = StateField.define({
  create: () => Decoration.none,
  update(lines, change) {
    for (const effect of change.effects) if (effect.is(setLit)) return effect.value;
    return lines.map(change.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

// A place is a line and a column, both from 1; columns count whole characters, where CodeMirror counts UTF-16 units.
function offset(doc, place) {
  const line = doc.line(Math.min(Math.max(place.line, 1), doc.lines));
  const units = [...line.text].slice(0, place.column - 1).join("").length;
  return Math.min(line.from + units, line.to);
}

// What stands between backticks is code.
function words(message) {
  const element = document.createElement("span");
  element.lang = "en";
  message.split("`").forEach((part, at) => {
    const piece = document.createElement(at % 2 ? "code" : "span");
    piece.textContent = part;
    element.append(piece);
  });
  return element;
}

function mend(view, { from, to, replacement }) {
  const doc = view.state.doc;
  view.dispatch({ changes: { from: offset(doc, from), to: offset(doc, to), insert: replacement } });
  view.focus();
}

function shown(doc, problem, labels) {
  const from = offset(doc, problem.from);
  const message = [problem.message, problem.label, problem.help].filter(Boolean).join("\n");
  const fix = problem.fix && {
    name: labels.fix,
    apply: (view) => mend(view, problem.fix),
  };
  return {
    from, to: Math.max(from, offset(doc, problem.to)), severity: problem.severity === "error" ? "error" : "warning",
    message, renderMessage: () => words(message), actions: fix ? [fix] : [],
  };
}

/**
 * Puts an editor in the place of `textarea`.
 * `problems(text)` gives what /api/check says of the text; `changed(text)` is called a moment after each change.
 */
export function edit(textarea, { language = "yaml", labels, phrases = {}, problems, changed }) {
  const host = document.createElement("div");
  host.className = "editor";
  const root = host.attachShadow({ mode: "open" });
  textarea.before(host);
  textarea.hidden = true;

  let waiting;
  const listen = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    textarea.value = update.state.doc.toString();
    clearTimeout(waiting);
    waiting = setTimeout(() => changed?.(textarea.value), 400);
  });
  // What is typed over a selection is put in here: a browser that does so itself keeps the look of what was there by inline
  // styles, which the page's policy refuses.
  const typeOver = EditorView.domEventHandlers({
    beforeinput(event, view) {
      if (event.inputType !== "insertText" || !event.data || event.isComposing || view.state.selection.main.empty) return false;
      event.preventDefault();
      view.dispatch(view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true }));
      return true;
    },
  });
  const check = problems && linter(
    async (view) => (await problems(view.state.doc.toString())).map((one) => shown(view.state.doc, one, labels)),
    { delay: 400 },
  );
  const readOnly = new Compartment();
  const view = new EditorView({
    root,
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
        bracketMatching(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }), indentUnit.of("  "),
        keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap]),
        languages[language](), syntaxHighlighting(classHighlighter), theme, litLines, listen, typeOver,
        check ? [check, lintGutter()] : [], EditorView.lineWrapping, EditorState.phrases.of(phrases),
        readOnly.of(EditorState.readOnly.of(textarea.readOnly)),
        EditorView.contentAttributes.of({ "aria-label": labels.name, "aria-multiline": "true", tabindex: "0", spellcheck: "false" }),
      ],
    }),
  });
  root.append(view.dom);

  return {
    focus: () => view.focus(),
    text: () => view.state.doc.toString(),
    replace: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    check: () => forceLinting(view),
    mend: (fix) => mend(view, fix),
    goTo(line, column = 1) {
      const at = offset(view.state.doc, { line, column });
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
    light(numbers) {
      const doc = view.state.doc;
      const lines = [...new Set(numbers)].filter((line) => line >= 1 && line <= doc.lines).sort((a, b) => a - b);
      const marks = lines.map((line) => Decoration.line({ class: "lit" }).range(doc.line(line).from));
      view.dispatch({ effects: setLit.of(Decoration.set(marks)) });
    },
  };
}
