"""What holds for every HTTP answer: who may ask (Host), and what a browser may do with it (security headers).

The panel listens on loopback, but a page from elsewhere in the same browser can send requests there, and by pointing a
name of its own at 127.0.0.1 (DNS rebinding) could even read the answers. So the Host header has to be a name of this
machine's own.

The one exception is POST /api/v1/abort: it is taken whatever Host or Origin say. Taking energy away needs no
permission, a wrong abort costs a shot at most, and a refused one (behind a proxy, a tunnel or a renamed host) may cost
more. This is on purpose; a test holds it.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.panel.addresses import LOOPBACK_NAMES, host_name

ABORT_PATH = "/api/v1/abort"

PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:"
)
"""A Vite page has no inline script or style; whatever it loads, it loads from here."""

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""A report is a file of its own: its inline style and drawings work, no script runs, nothing is asked of anybody."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Sent with every answer that does not say otherwise: live data must not come out of a cache."""

SHOWN_MAX = 80
"""Letters of a foreign Host that are repeated in the refusal."""


class Guard:
    """ASGI middleware: refuses foreign hosts, adds the headers. Awaits nothing of its own."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        aborting = scope["method"] == "POST" and scope["path"] == ABORT_PATH
        if aborting or (hosts and all(host_name(host) in self._names for host in hosts)):
            await self._app(scope, receive, send_guarded)
        else:
            await _refusal(hosts)(scope, receive, send_guarded)


def _refusal(hosts: list[str]) -> JSONResponse:
    named = f"not as {hosts[0][:SHOWN_MAX]!r}" if hosts else "and a request has to say which host it wants"
    text = f"this panel answers on its own machine as 127.0.0.1 or localhost, {named}; open it there or use ssh -L"
    return JSONResponse({"detail": text}, status_code=421)
