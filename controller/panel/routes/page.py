"""GET / and the files of the built page."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from controller.panel.pages import INDEX, PageFile, plain_page


def page_routes(page: Mapping[str, PageFile], problem: str) -> APIRouter:
    """Every address that nobody else answers; ``problem`` says why ``page`` is empty."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def file(path: str, request: Request) -> Response:
        """One file of the page."""
        if not page and path in ("", INDEX):
            return HTMLResponse(plain_page(problem), headers={"cache-control": "no-store"})
        found = page.get(path or INDEX)
        if found is None:
            raise HTTPException(404)
        return _answer(found, request)

    return router


def _answer(found: PageFile, request: Request) -> Response:
    headers = {"etag": found.etag, "cache-control": found.cache_control, "vary": "accept-encoding"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packed = bool(found.packed) and "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    headers["content-type"] = found.media_type
    return Response(found.packed if packed else found.body, headers=headers)
