"""The built page as the panel serves it: read into memory once, so that no address can reach any other file.

A missing or unreadable page never keeps the panel from starting: a plain one takes its place, with the abort in it.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from controller.shots.hashing import hash_bytes

PAGE_BYTES_MAX = 16 << 20
"""All files together; the page has half a megabyte. More is not the page, and does not belong in memory."""

FILES_MAX = 500
"""Files of the page; it has about ten."""

INDEX = "index.html"
ASSETS = "assets/"
"""Vite puts files there whose names change with their content."""

KEPT = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"
"""May be kept, but the panel is asked each time whether it is still the same."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Our own table: the standard library asks the operating system, and Windows has been seen to call .js text/plain."""

PACKED = frozenset({".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".webmanifest"})


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it is and packed (empty when packing does not pay)."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str
    cache_control: str


def load_page(folder: Path) -> tuple[Mapping[str, PageFile], str]:
    """Files by path relative to ``folder``, and what is wrong with them as a sentence (empty: nothing)."""
    if not (folder / INDEX).is_file():
        return {}, f"the page has not been built: there is no {INDEX} in {folder}"
    files: dict[str, PageFile] = {}
    total = 0
    try:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            total += path.stat().st_size
            if total > PAGE_BYTES_MAX or len(files) >= FILES_MAX:
                return {}, f"{folder} holds more than {FILES_MAX} files or {PAGE_BYTES_MAX >> 20} MB: not a built page"
            name = path.relative_to(folder).as_posix()
            if not any(part.startswith(".") for part in name.split("/")):
                files[name] = _page_file(name, path.read_bytes())
    except OSError as error:
        return {}, f"the page cannot be read: {error}"
    return files, ""


def _page_file(name: str, body: bytes) -> PageFile:
    ending = Path(name).suffix.lower()
    packed = gzip.compress(body, mtime=0) if ending in PACKED else b""
    return PageFile(
        body,
        packed if len(packed) < len(body) else b"",
        MEDIA_TYPES.get(ending, "application/octet-stream"),
        f'"{hash_bytes(body)[:32]}"',
        KEPT if name.startswith(ASSETS) else ASKED_AGAIN,
    )


def plain_page(problem: str) -> str:
    """What is shown instead of the page: why, what to do, and an abort that needs no script."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sparkgap</title></head>
<body><main><h1>Sparkgap: the bench runs, its page is missing</h1>
<p>{escape(problem)}. In a checkout <code>pip install -e .</code> builds it; a released wheel brings it along.</p>
<form method="post" action="api/v1/abort"><p><button>ABORT</button> ends what runs and makes the bench safe.</p></form>
<ul><li><a href="api/v1/state">the bench now</a></li><li><a href="api/v1/shots">recorded shots</a></li>
<li><a href="api/v1/docs">everything else that can be asked</a></li></ul></main></body></html>
"""
