"""GET routes about recorded shots. Whatever touches a disk is awaited from the store's own thread."""

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from controller.panel import schemas, shot_answers
from controller.panel.guard import REPORT_POLICY
from controller.panel.refusals import refusals, refuse
from controller.panel.routes.trains import add_trains
from controller.panel.shot_reader import Filters, StoredFile
from controller.panel.waveforms import POINTS_DEFAULT, POINTS_MAX, POINTS_MIN

if TYPE_CHECKING:
    from controller.panel.app import PanelParts

LIMIT_DEFAULT, LIMIT_MAX = 50, 500
"""Shots on a page of the list."""

NAME_MAX = 120
"""Longest name in a path or query: that of the catalogue's columns."""

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
"""PostgreSQL refuses NUL in a text, and no name has a control character."""

RECORD_TYPE = "application/x-hdf5"

RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")
"""``a-b``, ``a-`` and ``-n``; eighteen digits are more bytes than any disk has."""

Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=PRINTABLE)]
Number = Annotated[int, Path(ge=1, description="The shot's number.", examples=[1])]


class ShotsQuery(BaseModel):
    """Filters of the list; every one that is given must match. A parameter that is not here is refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="At most so many.")
    before: int | None = Field(None, ge=1, le=1 << 31, description="Only numbers below this: the next page.")
    rig: Name | None = Field(None, description="Only shots of this bench.")
    kind: Name | None = Field(None, description="Only this kind: noise, trigger-only, dump-proof, ..., full.")
    load: Name | None = Field(None, description="Only shots on this load.")
    verdict: Name | None = Field(None, description="pass, inconclusive, fail, aborted or error.")
    tag: Name | None = Field(None, description="Only shots with this tag.")


class WaveformQuery(BaseModel):
    """Which stretch of a channel, and for how many points. A parameter that is not here is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    from_s: float | None = Field(None, alias="from", description="First instant, s relative to T0; default: the start.")
    to_s: float | None = Field(None, alias="to", description="Last instant, s relative to T0; default: the end.")
    points: int = Field(POINTS_DEFAULT, ge=POINTS_MIN, le=POINTS_MAX, description="At most so many points.")


def shot_routes(parts: "PanelParts") -> APIRouter:
    """The routes over ``parts``."""
    router = APIRouter(prefix="/api/v1/shots", tags=["recorded shots"], responses=refusals(421, 422, 500, 503))
    store = parts.shots

    @router.get("")
    async def shots(query: Annotated[ShotsQuery, Query()]) -> schemas.ShotsAnswer:
        """Recorded shots, newest first; ``next_before`` asks for the next page."""
        return shot_answers.shots_answer(await store.list(Filters(**query.model_dump())), query.limit)

    @router.get("/{number}", responses=refusals(404))
    async def shot(number: Number) -> schemas.ShotDetailAnswer:
        """Everything about one shot but its samples: channels, measurements with limits and verdicts, events."""
        return shot_answers.detail_answer(await store.get(number))

    @router.get("/{number}/waveforms/{channel}", responses=refusals(404, 409), response_model=schemas.WaveformAnswer)
    async def waveform(
        number: Number,
        channel: Annotated[str, Path(min_length=1, max_length=NAME_MAX, examples=["total_current"])],
        query: Annotated[WaveformQuery, Query()],
    ) -> schemas.WaveformAnswer | Response:
        """One channel between two instants, aligned at T0. No spike is lost: extremes of each stretch, or samples."""
        from_s = -shot_answers.EVERYTHING_S if query.from_s is None else query.from_s
        to_s = shot_answers.EVERYTHING_S if query.to_s is None else query.to_s
        if from_s > to_s:
            return refuse(422, f"from ({from_s:g}) is after to ({to_s:g}); both are seconds relative to T0")
        return shot_answers.waveform_answer(number, await store.waveform(number, channel, from_s, to_s, query.points))

    add_trains(router, parts)
    _add_files(router, parts)
    return router


def _add_files(router: APIRouter, parts: "PanelParts") -> None:
    """The routes that serve a shot's files."""

    @router.get(
        "/{number}/file",
        responses={200: {"content": {RECORD_TYPE: {}}}, **refusals(404, 409)},
        response_class=FileResponse,
    )
    async def file(number: Number, request: Request) -> Response:
        """The sealed record (HDF5, NeXus layout). Its ETag is the sha256 that the catalogue has; ranges work."""
        stored = await parts.shots.file(number, "record")
        name = f"shot-{number:06d}{stored.path.suffix}"
        return _kept(request, stored) or SealedFile(
            stored.path, headers=_headers(stored), media_type=RECORD_TYPE, filename=name
        )

    @router.get(
        "/{number}/report",
        responses={200: {"content": {"text/html": {}}}, **refusals(404, 409)},
        response_class=FileResponse,
    )
    async def report(number: Number, request: Request) -> Response:
        """The shot's report, one HTML page that needs nothing else."""
        stored = await parts.shots.file(number, "report")
        headers = {**_headers(stored), "content-security-policy": REPORT_POLICY}
        return _kept(request, stored) or SealedFile(stored.path, headers=headers, media_type="text/html")


class SealedFile(FileResponse):
    """A file in one piece, or one range of it. Any other Range header is ignored, as RFC 9110 section 14.2 allows."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(name, value) for name, value in scope["headers"] if name != b"range" or _is_range(value)]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_range(header: bytes) -> bool:
    """One range with its ends in order."""
    found = RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == b"":
        return False
    return not (found[1] and found[2]) or int(found[1]) <= int(found[2])


def _headers(stored: StoredFile) -> dict[str, str]:
    """A sealed file never changes under its number, but it can be found damaged: ask again each time."""
    known = {"etag": f'"{stored.sha256}"'} if stored.sha256 else {}
    return {"cache-control": "no-cache", **known}


def _kept(request: Request, stored: StoredFile) -> Response | None:
    """304 when the client has this very file."""
    tags = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=_headers(stored)) if f'"{stored.sha256}"' in tags else None
