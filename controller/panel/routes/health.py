"""/healthz and /metrics: for monitors, not for people in front of the page."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from controller.panel import schemas
from controller.panel.live_answers import frame_age_s
from controller.panel.refusals import refusals
from controller.panel.shot_reader import Filters
from controller.panel.worker import WorkerBusy
from controller.shots.catalogue import CatalogueUnusable
from controller.telemetry.channels import FRAME_STALE_AFTER_S

if TYPE_CHECKING:
    from controller.panel.app import PanelParts

UNHEALTHY: dict[str, Any] = {
    "model": schemas.HealthAnswer,
    "description": "The panel is up but cannot show people the bench; ``checks`` say why.",
}


def health_routes(parts: "PanelParts", page_problem: Callable[[], str]) -> APIRouter:
    """The routes over ``parts``; ``page_problem`` says what is wrong with the static page (empty: nothing)."""
    router = APIRouter(tags=["monitoring"], responses=refusals(421, 500))

    @router.get("/healthz", responses={503: UNHEALTHY})
    async def healthz(response: Response) -> schemas.HealthAnswer:
        """200 when the panel can show the bench, 503 with the reasons when it cannot."""
        age_s = frame_age_s(parts.live, asyncio.get_running_loop().time())
        checks = [
            schemas.CheckAnswer(name="panel", ok=True, detail="answers"),
            _check_link(parts.live.link),
            _check_frame(age_s),
            await _check_catalogue(parts),
            _check("page", page_problem(), "is there"),
        ]
        healthy = all(check.ok for check in checks)
        response.status_code = 200 if healthy else 503
        return schemas.HealthAnswer(
            status="ok" if healthy else "degraded", version=parts.version, frame_age_s=age_s, checks=checks
        )

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Prometheus metrics of bench, core, panel and stream."""
        body, media_type = parts.metrics()
        return Response(body, headers={"content-type": media_type})

    return router


def _check(name: str, problem: str, fine: str) -> schemas.CheckAnswer:
    return schemas.CheckAnswer(name=name, ok=not problem, detail=problem or fine)


def _check_link(link: str) -> schemas.CheckAnswer:
    problems = {"none": "no core has been started yet", "lost": "the core is not heard any more"}
    return _check("core", problems.get(link, ""), "is heard")


def _check_frame(age_s: float | None) -> schemas.CheckAnswer:
    if age_s is None:
        return _check("telemetry", "no frame has come yet", "")
    old = f"the last frame is {age_s:.1f} s old, more than {FRAME_STALE_AFTER_S:g} s"
    return _check("telemetry", old if age_s > FRAME_STALE_AFTER_S else "", "is fresh")


async def _check_catalogue(parts: "PanelParts") -> schemas.CheckAnswer:
    try:
        shots = await parts.shots.list(Filters(limit=1))
    except (WorkerBusy, CatalogueUnusable) as error:
        return _check("catalogue", str(error), "")
    return _check("catalogue", "", f"newest shot {shots[0].number}" if shots else "no shot yet")
