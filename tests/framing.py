"""A site of others that shows a page of ours inside its own, for the browser of the tests.

Each host below `.example` is this site (browser.py): by one name it is the PMS's, by another a
stranger's.
"""

from __future__ import annotations

import html
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Framing(ThreadingHTTPServer):
    """It speaks TLS. `/?url=…` frames that URL, `/hop?url=…` redirects to it, `/back` is where a guest is
    sent back to; `seen` has the path and the Referer of each request."""

    daemon_threads = True
    origin, foreign = "https://pms.example", "https://evil.example"

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), _Page)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.port = self.server_address[1]
        self.seen = []
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self._thread.join(10)

    def handle_error(self, request, client_address):
        """A browser that goes away is no news."""


class _Page(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self):
        path = urlsplit(self.path)
        self.server.seen.append((self.path, self.headers.get("Referer")))
        framed = parse_qs(path.query).get("url", [""])[0]
        if path.path == "/hop":
            self.send_response(302)
            self.send_header("Location", framed)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path.path == "/back":
            body = f"<title>Back</title><h1>Back at the hotel</h1><p>{html.escape(path.query)}"
        else:
            body = (
                "<title>PMS</title><h1>Front desk</h1>"
                f'<iframe id=card src="{html.escape(framed)}" width=760 height=760></iframe>'
            )
        body = f"<!doctype html>{body}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""
