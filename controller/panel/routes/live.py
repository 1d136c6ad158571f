"""GET routes about the present: state, channels, alarms, rig, run. They read what is known and wait for nothing."""

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from controller.panel import live_answers, schemas
from controller.panel.refusals import refusals, refuse

if TYPE_CHECKING:
    from controller.panel.app import PanelParts


def live_routes(parts: "PanelParts") -> APIRouter:
    """The routes over ``parts``."""
    router = APIRouter(prefix="/api/v1", tags=["the bench now"], responses=refusals(421, 500))

    @router.get("/state")
    async def state() -> schemas.StateAnswer:
        """The bench now: PLC state, step, countdown, every value with its age, every digital point."""
        return live_answers.state_answer(parts.live, parts.rig, parts.simulated, _now_s())

    @router.get("/channels")
    async def channels() -> schemas.ChannelsAnswer:
        """The channels of the telemetry with units and limits, in the order of a row of the stream."""
        return live_answers.channels_answer(parts.live)

    @router.get("/alarms")
    async def alarms() -> schemas.AlarmsAnswer:
        """Alarms, first fault first."""
        return live_answers.alarms_answer(parts.live)

    rig_answer = live_answers.rig_answer(parts.rig)  # rig.yaml is read once, at the start

    @router.get("/rig")
    async def rig() -> schemas.RigAnswer:
        """The bench: instruments, channels, interlocks, limits, loads and the mimic's drawing."""
        return rig_answer

    @router.get("/run")
    async def run() -> schemas.RunAnswer:
        """The present run or the last one: its steps and how far they are, how it ended, the event log."""
        return live_answers.run_answer(parts.live, _now_s())

    @router.get("/stream", include_in_schema=False)
    async def stream() -> Response:
        """Whoever asks for the stream without a WebSocket; those with one are taken before the application."""
        text = "the live stream is a WebSocket, and this was an ordinary request; ask as docs/reference/stream.md says"
        return refuse(426, text, {"upgrade": "websocket", "connection": "upgrade"})

    return router


def _now_s() -> float:
    return asyncio.get_running_loop().time()
