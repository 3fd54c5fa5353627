"""Says where the languages differ: keys, forms and braces; and texts that no view uses. Ends with 1 where one lacks something."""

import re
import sys

from render import Pages, fixtures

pages = Pages()
for name in fixtures():
    if name != "page":
        for tag in pages.languages:
            pages.render(name, tag)

english, problems = pages.languages["en"], []
braces = lambda text: sorted(set(re.findall(r"\{(\w+)\}", str(text))))
for tag, language in pages.languages.items():
    for kind in ("texts", "script"):
        ours, theirs = getattr(english, kind), getattr(language, kind)
        problems += [f"{tag} lacks {key}" for key in ours if key not in theirs]
        problems += [f"{tag} has {key}, which English has not" for key in theirs if key not in ours]
        for key in ours.keys() & theirs.keys():
            if braces(ours[key]) != braces(theirs[key]):
                problems.append(f"{tag}: {key} has other names in braces than English")
            if isinstance(theirs[key], dict) and set(theirs[key]) != set(language.file["plurals"]) | {"other"}:
                problems.append(f"{tag}: {key} lacks a form of {sorted(language.file['plurals'])}")
unused = sorted(set(english.texts) - english.used)
print("\n".join(problems) or "the languages fit together")
print(f"not shown by any fixture: {', '.join(unused)}")
sys.exit(bool(problems))
