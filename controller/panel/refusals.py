"""From exceptions to answers: JSON ``{"detail": "..."}`` that a person can act on, never a traceback."""

import logging
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from controller.panel.guard import HEADERS
from controller.panel.requests import CoreUnreachable
from controller.panel.schemas import Refusal
from controller.panel.shot_reader import NoFile, UnknownChannel
from controller.panel.worker import WorkerBusy
from controller.shots.catalogue import CatalogueUnusable, UnknownShot
from controller.shots.record import RecordUnusable

RETRY_AFTER_S = 1
"""What a client that found the panel busy is asked to wait."""

SHOWN_MAX = 80
"""Letters of a wrong value that are repeated."""

EMERGENCY_STOP = "press the EMERGENCY STOP on the bench, then look at the terminal that runs sparkgap"

STATUS: dict[type[Exception], int] = {
    UnknownShot: 404,
    UnknownChannel: 404,
    NoFile: 404,
    RecordUnusable: 409,
    WorkerBusy: 503,
    CatalogueUnusable: 503,
    CoreUnreachable: 503,
}
"""409: the file is there, but it is not what the catalogue says it is; asking again does not help, a backup does."""

MEANINGS = {
    404: "There is no such thing; the text says what there is.",
    409: "The file is damaged, or was changed after the shot.",
    421: "The Host header is not a name of this machine.",
    422: "A parameter is wrong; the text says which, and what would be right.",
    500: "A defect of the panel; the bench and the run do not depend on it.",
    503: "Not now: the text says why and what to do.",
}

log = logging.getLogger("sparkgap.panel")


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route: what it answers beside success."""
    return {code: {"model": Refusal, "description": MEANINGS[code]} for code in codes}


def add_refusals(app: FastAPI) -> None:
    """Teach the application to answer exceptions."""
    for kind in STATUS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One refusal."""
    return JSONResponse({"detail": detail}, status, headers)


def not_aborted(why: str) -> JSONResponse:
    """No core has taken the abort, or it cannot carry it out: a person has to act."""
    return refuse(503, f"NOT ABORTED: {why}; {EMERGENCY_STOP}")


async def _known(request: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    if isinstance(error, CoreUnreachable):
        return not_aborted(str(error))
    return refuse(status, str(error), {"retry-after": str(RETRY_AFTER_S)} if isinstance(error, WorkerBusy) else None)


async def _wrong_parameter(request: Request, error: Exception) -> JSONResponse:
    problems = [_one_problem(item) for item in cast(RequestValidationError, error).errors()]
    return refuse(422, "; ".join(problems))


def _one_problem(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    if item["type"] == "extra_forbidden":
        return f"{name[:SHOWN_MAX]}: there is no such parameter; /api/v1/docs lists them"
    sent = item.get("input")
    shown = f" (not {sent[:SHOWN_MAX]!r})" if isinstance(sent, str) else ""
    return f"{name[:SHOWN_MAX]}: {item['msg']}{shown}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    refusal = cast(HTTPException, error)
    text = refusal.detail
    if refusal.status_code == 404 and text == "Not Found":
        text = f"there is nothing at {request.url.path[:SHOWN_MAX]}; /api/v1/docs lists what there is"
    if refusal.status_code == 405:
        text = f"{request.method} is not possible at {request.url.path[:SHOWN_MAX]}"
    return refuse(refusal.status_code, text, dict(refusal.headers or {}))


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    text = f"a defect of the panel ({type(error).__name__}); the bench does not depend on it, the panel's log says more"
    return refuse(500, text, dict(HEADERS))  # the guard is inside of what catches defects
