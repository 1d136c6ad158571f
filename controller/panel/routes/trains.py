"""GET route about trains of pulses: a picture of thousands of them, or one of them sample by sample."""

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from controller.panel.refusals import refusals, refuse
from controller.panel.train_schemas import TrainAnswer
from controller.panel.trains import CELLS_MAX, COLUMNS_DEFAULT, COLUMNS_MAX, ROWS_DEFAULT, ROWS_MAX, train_answer
from controller.shots.waterfall import View

if TYPE_CHECKING:
    from controller.panel.app import PanelParts

NAME_MAX = 120
"""Longest name in a path, as of the other routes of shots."""

PULSES_END = 1 << 31
"""No train has so many pulses."""

EVERYTHING_S = float("inf")

LAYOUT = "1"
"""Part of the ETag: another form of the answer is another answer."""


class TrainQuery(BaseModel):
    """Which pulses and which part of them, and how large the picture is. A parameter that is not here is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    from_s: float | None = Field(None, alias="from", description="First instant, s after the pulse's own trigger.")
    to_s: float | None = Field(None, alias="to", description="Last instant, s after the pulse's own trigger.")
    first: int = Field(1, ge=1, le=PULSES_END, description="First pulse, counted from 1.")
    last: int = Field(PULSES_END, ge=1, le=PULSES_END, description="Last pulse; default: the last one there is.")
    rows: int = Field(ROWS_DEFAULT, ge=1, le=ROWS_MAX, description="At most so many rows of pulses.")
    points: int = Field(COLUMNS_DEFAULT, ge=2, le=COLUMNS_MAX, description="At most so many points across.")

    @property
    def view(self) -> View:
        """The same as the reduction reads it."""
        from_s = -EVERYTHING_S if self.from_s is None else self.from_s
        to_s = EVERYTHING_S if self.to_s is None else self.to_s
        return View(self.first - 1, self.last - 1, from_s, to_s, self.rows, self.points)


def add_trains(router: APIRouter, parts: "PanelParts") -> None:
    """The route over ``parts``, under the prefix of the router."""
    store = parts.shots

    @router.get("/{number}/trains/{channel}", responses=refusals(404, 409), response_model=TrainAnswer)
    async def train(
        number: Annotated[int, Path(ge=1, description="The shot's number.", examples=[1])],
        channel: Annotated[str, Path(min_length=1, max_length=NAME_MAX, examples=["cathode_voltage"])],
        query: Annotated[TrainQuery, Query()],
        request: Request,
        response: Response,
    ) -> TrainAnswer | Response:
        """A train as rows of pulses and columns of time. No breakdown is lost: extremes of each cell."""
        view = query.view
        if view.from_s > view.to_s:
            return refuse(
                422, f"from ({view.from_s:g}) is after to ({view.to_s:g}); both are seconds after the trigger"
            )
        if view.first > view.last:
            return refuse(422, f"first ({query.first}) is after last ({query.last}): numbers of pulses from 1")
        if query.rows * query.points > CELLS_MAX:
            asked = f"{query.rows} rows of {query.points} points are more than {CELLS_MAX} cells"
            return refuse(422, f"{asked}; ask for fewer of one of them")
        headers = _headers(await store.record_sha256(number), channel, view)
        if headers.get("etag", "-") in _tags(request):
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return train_answer(number, await store.train(number, channel, view))


def _headers(record_sha256: str, channel: str, view: View) -> dict[str, str]:
    """A picture follows from the sealed record and what was asked; ask again each time, for it can be found damaged."""
    if not record_sha256:
        return {"cache-control": "no-cache"}
    digest = sha256(repr((LAYOUT, record_sha256, channel, view)).encode()).hexdigest()
    return {"cache-control": "no-cache", "etag": f'"{digest[:32]}"'}


def _tags(request: Request) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
