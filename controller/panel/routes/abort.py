"""POST /api/v1/abort: never refused for who asks or how, and never behind anything else.

No thread pool, no lock, no dependency, no validated body: between the click and the core there is one connection with
a deadline. A body that is slow, missing, too long or no JSON costs the reason and nothing else.
"""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from controller.panel import schemas
from controller.panel.guard import ABORT_PATH
from controller.panel.refusals import not_aborted, refusals
from controller.panel.requests import DEFAULT_REASON

if TYPE_CHECKING:
    from controller.panel.app import PanelParts

BODY_BYTES_MAX = 4096
"""A reason is a line; whoever sends more has its first lines thrown away with the rest."""

BODY_S = 0.1
"""Longest wait for the body: it travels with the head unless somebody is playing games."""

BODY_EXAMPLE: dict[str, Any] = {
    "required": False,
    "description": "Optional: why. Whatever else is sent is ignored, and the abort goes out all the same.",
    "content": {"application/json": {"schema": {}, "example": {"reason": "smoke at module 3"}}},
}


def abort_routes(parts: "PanelParts") -> APIRouter:
    """The route over ``parts``."""
    router = APIRouter(tags=["safety"], responses=refusals(500, 503))

    @router.post(
        ABORT_PATH, status_code=202, response_model=schemas.AbortAnswer, openapi_extra={"requestBody": BODY_EXAMPLE}
    )
    async def abort(request: Request) -> schemas.AbortAnswer | Response:
        """End what runs and make the bench safe. 202: the core does it; 503: press the emergency stop."""
        reply = await parts.requests.abort(await _reason(request))
        if not reply.accepted:
            return not_aborted(reply.text)
        return schemas.AbortAnswer(accepted=reply.accepted, text=reply.text)

    return router


async def _reason(request: Request) -> str:
    """The reason in the body, or the default one; never an error."""
    try:
        async with asyncio.timeout(BODY_S):
            return reason_in(await _body(request))
    except (TimeoutError, ClientDisconnect):
        return DEFAULT_REASON


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            return b""
    return body


def reason_in(body: bytes) -> str:
    """``{"reason": "..."}``, or the default reason for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return DEFAULT_REASON
    reason = document.get("reason") if isinstance(document, dict) else None
    return reason if isinstance(reason, str) and reason.strip() else DEFAULT_REASON
