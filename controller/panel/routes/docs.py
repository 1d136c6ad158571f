"""The API's documentation page, with everything it needs on this machine.

Scripts and styles come out of fastapi-offline (MIT; Swagger UI in it is Apache-2.0). Its own application factory is
not used: its page needs a policy of its own, with the hash of its inline script, and no second page with another tool.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, Response

from controller.panel.refusals import refuse

PARTS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}

POLICY = (
    "default-src 'self'; script-src 'self' '{script}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Swagger UI writes styles into its elements; it runs no script beside its file and the one that starts it."""

PARAMETERS = {"validatorUrl": None, "tryItOutEnabled": False}
"""No badge: it would be fetched from a validator on the Internet."""

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs_routes() -> APIRouter:
    """GET /api/v1/docs and its parts; not part of the schema that they show."""
    router = APIRouter(include_in_schema=False)
    page = get_swagger_ui_html(
        openapi_url="openapi.json",  # relative, so that a proxy may give the panel a prefix
        title="Sparkgap panel: what can be asked",
        oauth2_redirect_url=None,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
        swagger_ui_parameters=PARAMETERS,
    )
    text = bytes(page.body).decode()
    digest = base64.b64encode(hashlib.sha256("".join(INLINE.findall(text)).encode()).digest()).decode()
    headers = {"content-security-policy": POLICY.format(script=f"sha256-{digest}")}

    @router.get("/api/v1/docs")
    async def docs() -> HTMLResponse:
        """The page."""
        return HTMLResponse(text, headers=headers)

    @router.get("/api/v1/docs/{part}")
    async def part(part: str) -> Response:
        """Its script, style and icon."""
        if part not in PARTS:
            return refuse(404, "there is no such part of the documentation page")
        path = str(files("fastapi_offline") / "static" / part)
        return FileResponse(path, media_type=PARTS[part], headers={"cache-control": "max-age=86400"})

    return router
