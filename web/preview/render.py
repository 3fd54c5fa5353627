"""Renders Jackfield's page from its templates and fixtures, as the server does from what it knows.

What is here besides reading files (`t`, the filters, plural forms) is what the server has to do in the same way.
"""

import json
from datetime import datetime, timezone
from pathlib import Path

import minijinja
import yaml

WEB = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 21, 18, 45, tzinfo=timezone.utc)


def read(folder, ending):
    files = sorted((WEB / folder).rglob(f"*.{ending}"))
    return {str(file.relative_to(WEB / folder)): file.read_text("utf-8") for file in files}


def flat(texts, above=""):
    """`{a: {b: text}}` as `{"a.b": text}`; the forms of a plural stay together."""
    found = {}
    for key, value in texts.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, dict) and "other" not in value:
            found.update(flat(value, name))
        else:
            found[name] = value
    return found


class Language:
    """Texts, numbers and dates of one language file."""

    def __init__(self, source):
        self.file = yaml.safe_load(source)
        self.tag = self.file["tag"]
        self.texts = flat(self.file["texts"])
        self.script = flat(self.file["script"])
        self.used = set()
        self.rules = minijinja.Environment()

    def form(self, forms, n):
        if not isinstance(forms, dict):
            return forms
        for word, condition in self.file["plurals"].items():
            if self.rules.eval_expr(condition, n=n):
                return forms[word]
        return forms["other"]

    def put(self, forms, values):
        text = self.form(forms, values.get("n"))
        for name, value in values.items():
            text = text.replace("{" + name + "}", self.number(value) if name == "n" and value is not None else str(value))
        return text

    def t(self, key, **values):
        self.used.add(key)
        return self.put(self.texts[key], values)

    def script_texts(self):
        found = []
        for key, forms in self.script.items():
            if isinstance(forms, dict):
                found += [[f"{key}.{word}", text] for word, text in forms.items()]
            else:
                found.append([key, forms])
        return found

    def number(self, n):
        marks = self.file["numbers"]
        text = f"{n:,}" if isinstance(n, int) else f"{n:,.1f}".removesuffix(".0")
        return text.replace(",", "\0").replace(".", marks["decimal"]).replace("\0", marks["thousands"])

    def percent(self, share):
        # Never 100% while something failed.
        tenths = int(share * 1000) / 10
        return self.file["numbers"]["percent"].replace("{n}", self.number(tenths))

    def moment(self, text):
        at = datetime.fromisoformat(text)
        dates = self.file["dates"]
        values = {"day": at.day, "month": dates["months"][at.month - 1], "year": at.year, "time": f"{at:%H:%M:%S}"}
        return self.put(dates["moment"], values)

    def ago(self, text):
        seconds = round((NOW - datetime.fromisoformat(text)).total_seconds())
        words, past, away = self.file["ago"], seconds >= 0, abs(seconds)
        if away < 2:
            return words["now"]
        for unit, size, most in [("seconds", 1, 60), ("minutes", 60, 3600), ("hours", 3600, 86400), ("days", 86400, None)]:
            if most is None or away < most:
                return self.put(words[unit if past else f"in_{unit}"], {"n": away // size})

    def took(self, ms):
        for unit, size, most in [("ms", 1, 1000), ("s", 1000, 60_000), ("min", 60_000, 3_600_000), ("h", 3_600_000, None)]:
            if most is None or ms < most:
                value = ms if unit == "ms" else round(ms / size, 1)
                return self.put(self.file["took"][unit], {"n": value})

    def size(self, n):
        for unit, size, most in [("B", 1, 1000), ("KB", 1000, 1_000_000), ("MB", 1_000_000, None)]:
            if most is None or n < most:
                return self.put(self.file["size"][unit], {"n": n if unit == "B" else round(n / size, 1)})

    @staticmethod
    def coded(text):
        """What stands between backticks, as code."""
        parts = str(text).split("`")
        if len(parts) % 2 == 0:
            return text
        escaped = [minijinja.escape(part) for part in parts]
        return minijinja.safe("".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(escaped)))

    def environment(self):
        made = minijinja.Environment(templates=read("templates", "html") | read("templates", "svg"))
        made.undefined_behavior = "strict"
        made.trim_blocks = made.lstrip_blocks = True
        made.auto_escape_callback = lambda name: name.endswith(".html")
        made.add_function("t", self.t)
        made.add_function("script_texts", self.script_texts)
        for name in ["number", "percent", "moment", "ago", "took", "size", "coded"]:
            made.add_filter(name, getattr(self, name))
        return made


def languages():
    found = [Language(source) for source in read("languages", "yaml").values()]
    return {language.tag: language for language in sorted(found, key=lambda one: one.tag)}


def fixtures():
    """`{"events": {...}, "events-none": {...}}`; the template is the part before ` `, or what `template` says."""
    return {name.removesuffix(".json"): json.loads(text) for name, text in read("fixtures", "json").items() if not name.startswith("api/")}


class Pages:
    def __init__(self):
        self.languages = languages()
        self.environments = {tag: language.environment() for tag, language in self.languages.items()}
        self.common = fixtures().pop("page")

    def render(self, name, tag="en", address=None):
        fixture = fixtures()[name]
        page = self.common | fixture.get("page", {})
        page |= {"language": tag, "languages": [{"tag": one.tag, "name": one.file["name"]} for one in self.languages.values()]}
        page["address"] = address or fixture["address"]
        return self.environments[tag].render_template(fixture["template"], page=page, view=fixture["view"])
