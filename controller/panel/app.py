"""The panel's HTTP side: one FastAPI application over the parts that the panel's process has made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from controller.panel.live import LiveState
from controller.panel.requests import CoreRequests
from controller.panel.shots import ShotStore
from controller.rig.model import Rig


@dataclass(frozen=True, slots=True)
class PanelParts:
    """What the routes read. ``metrics`` gives the text of /metrics and its content type; ``static`` is the page."""

    rig: Rig
    live: LiveState
    requests: CoreRequests
    shots: ShotStore
    metrics: Callable[[], tuple[bytes, str]]
    static: Path
    version: str


def create_app(parts: PanelParts) -> FastAPI:
    """The application: pages, JSON and the abort. The WebSocket is not here (controller/panel/websocket.py)."""
    app = FastAPI(title="Sparkgap panel", version=parts.version, docs_url=None, redoc_url=None)
    app.state.parts = parts
    return app
