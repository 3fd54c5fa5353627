"""Serves the preview on this machine: every fixture at its own address under `/NAME`, with the headers that the server
sends, and answers of the API from `fixtures/api`. `serve.py PORT`"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from render import WEB, Pages, fixtures

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class Preview(BaseHTTPRequestHandler):
    @property
    def pages(self):
        """Read anew each time, so that a change of a file is seen by reloading."""
        return Pages()

    def answer(self, body, kind="text/html; charset=utf-8", status=200):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": kind, "Content-Length": str(len(body)), "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def part(self, name):
        """The playground or the comparison alone, as the API gives them to the script."""
        view = fixtures()["route-problems"]["view"] if name == "diff" else self.trace()
        given = {"diff": view["diff"]} if name == "diff" else {"trace": view["trace"]}
        part = "diff" if name == "diff" else "trial"
        self.answer(self.pages.environments["en"].render_template(f"parts/{part}-alone.html", **given))

    def trace(self):
        draft = self.sent.get("draft", "")
        name = "route-draft" if "guess:" in draft else "route-problems" if "lanee" in draft else "route-not-taken" if "answered call" in self.sent.get("request", "") else "route"
        return fixtures()[name]["view"]["play"]

    def do_GET(self):
        address = urlsplit(self.path)
        if address.path.startswith("/assets/"):
            file = WEB / "assets" / address.path.removeprefix("/assets/")
            return self.answer(file.read_bytes(), KINDS[file.suffix[1:]]) if file.is_file() else self.answer("", status=404)
        if address.path == "/api/stream":
            return self.stream()
        if address.path == "/api/sample":
            return self.answer(fixtures()["route"]["view"]["play"]["request"], "text/plain")
        name = address.path.strip("/") or "overview"
        if name not in fixtures():
            return self.answer("no such fixture", status=404)
        tag = parse_qs(address.query).get("language", ["en"])[0]
        page = self.pages.render(name, tag)
        if "still" in address.query:
            page = page.replace("<html ", '<html data-clock="still" ', 1)
        self.answer(page)

    def do_POST(self):
        self.sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path
        if path == "/api/check":
            bad = "check" if "lanee" in self.sent["draft"] else "check-draft" if "guess:" in self.sent["draft"] else None
            good = {"good": True, "problems": [], "tests": {"passed": 2, "failed": 0}}
            answer = json.loads((WEB / f"fixtures/api/{bad}.json").read_text()) if bad else good
            return self.answer(json.dumps(answer), "application/json")
        if path in ("/api/dry-run", "/api/diff") and "to: :" in self.sent["draft"]:
            return self.answer("{}", "application/json", 422)
        if path in ("/api/dry-run", "/api/diff"):
            return self.part(path.removeprefix("/api/"))
        self.answer(json.dumps({"live": True, "result": "live", "message": "Saved, and live as revision f6c8559f5b10.", "base": "sha256:2", "revision": "f6c8559f5b10", "problems": []}), "application/json")

    do_PUT = do_POST

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                time.sleep(3)
                self.wfile.write(b'event: changed\ndata: {"events": 1}\n\n')
                self.wfile.flush()
        except OSError:
            pass

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    print(f"http://127.0.0.1:{port}/  ({', '.join(name for name in fixtures() if name != 'page')})")
    ThreadingHTTPServer(("127.0.0.1", port), Preview).serve_forever()
