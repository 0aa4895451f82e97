"""An app behind Envoy in Python's standard library: it reads the session's headers, and writes a slice of the session.

GET anything answers with what it was told. PUT /cart writes the body into the slice `cart`.
"""

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API = os.environ.get("SINGLESTATE_API", "http://127.0.0.1:9003")
CREDENTIAL_FILE = os.environ["CREDENTIAL_FILE"]
TRIES = 3


def session_of(headers):
    """What Singlestate says of the request's session; None without one."""
    if headers["x-session-ref"] is None:
        return None
    cart = headers["x-session-slice-cart"]
    return {
        "ref": headers["x-session-ref"],
        "subject": urllib.parse.unquote(headers["x-session-subject"]),
        "scopes": headers["x-session-scopes"].split(),
        "version": int(headers["x-session-version"]),
        "cart": None if cart is None else json.loads(base64.urlsafe_b64decode(cart + "=" * (-len(cart) % 4))),
    }


def call(name, message):
    """A call of the Session API: the HTTP status and the answer. The credential is read anew, since platforms rotate it."""
    with open(CREDENTIAL_FILE, encoding="ascii") as file:
        credential = file.read().strip()
    request = urllib.request.Request(
        f"{API}/singlestate.session.v1.SessionService/{name}",
        json.dumps(message).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {credential}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def write_cart(session, cart):
    """Names the version that was read; where another write came first, reads again and repeats."""
    version = session["version"]
    for _ in range(TRIES):
        status, answer = call(
            "UpdateSession",
            {
                "ref": session["ref"],
                "expectedVersion": version,
                "changes": [{"slice": "cart", "value": cart}],
                "reason": "cart.changed",
            },
        )
        if answer.get("code") != "aborted":
            break
        version = call("GetSession", {"ref": session["ref"]})[1]["session"]["version"]
    return status, answer


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, session_of(self.headers))

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.answer(*write_cart(session_of(self.headers), json.loads(body)))

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Envoy has the access log."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8081"))), App)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
