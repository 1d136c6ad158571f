"""The panel's HTTP side: one FastAPI application over the parts that the panel's process has made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from controller.panel.guard import Guard
from controller.panel.live import LiveState
from controller.panel.pages import load_page
from controller.panel.refusals import add_refusals
from controller.panel.requests import CoreRequests
from controller.panel.routes.abort import abort_routes
from controller.panel.routes.docs import docs_routes
from controller.panel.routes.health import health_routes
from controller.panel.routes.live import live_routes
from controller.panel.routes.page import page_routes
from controller.panel.routes.shots import shot_routes
from controller.panel.shots import ShotStore
from controller.panel.turnstile import Turnstile
from controller.rig.model import Rig

DESCRIPTION = """What happens on the bench, for people and programs. Read-only but for the abort, which needs no right
and is never refused. Numbers that are not valid are null; times are seconds; every refusal has a `detail` that says
what would be right. Live telemetry comes over the WebSocket /api/v1/stream (docs/reference/stream.md)."""


@dataclass(frozen=True, slots=True)
class PanelParts:
    """What the routes read.

    ``metrics`` gives the text of /metrics and its content type; ``static`` is the folder of the built page.
    """

    rig: Rig
    live: LiveState
    requests: CoreRequests
    shots: ShotStore
    metrics: Callable[[], tuple[bytes, str]]
    static: Path
    version: str
    simulated: bool = True


def create_app(parts: PanelParts) -> FastAPI:
    """The application: pages, JSON and the abort. The WebSocket is not here (controller/panel/websocket.py).

    Reads the built page into memory and starts the thread that reads shots. It has no lifespan: whoever made the parts
    closes them. Give uvicorn no ``limit_concurrency`` and no proxy headers: the first would refuse aborts, the second
    trusts strangers.
    """
    app = FastAPI(
        title="Sparkgap panel",
        version=parts.version,
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    page, problem = load_page(parts.static)
    app.include_router(abort_routes(parts))
    app.include_router(live_routes(parts))
    app.include_router(shot_routes(parts))
    app.include_router(health_routes(parts, lambda: problem))
    app.include_router(docs_routes())
    app.include_router(page_routes(page, problem))  # last: it takes every address that is left
    add_refusals(app)
    app.add_middleware(Guard)
    app.add_middleware(Turnstile)  # the outermost: a refusal takes time as well
    parts.shots.prepare()
    app.openapi()  # takes a tenth of a second, which the stream's viewers would notice later
    return app
