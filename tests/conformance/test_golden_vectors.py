"""Every row of every dialect against bytes typed by hand from its sheet (``tests/vectors/<slug>.txt``).

One vector per line, fields separated by `` | ``, ``#`` starts a comment line::

    row | > request bytes | < reply bytes | {request values} -> {reply values} | sheet line it was typed from

Bytes are ASCII with escapes ``\\r \\n \\0 \\xNN \\\\``; ``-`` stands for no reply. Values are JSON. ``~>`` or ``~<``
instead of ``>`` or ``<``: another spelling that must be read but is never written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.registry import DIALECTS
from drivers.wire.dialect import Dialect

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Vector:
    where: str
    row: str
    request: bytes
    request_written: bool
    reply: bytes | None
    reply_written: bool
    asked: dict[str, Any]
    answered: dict[str, Any]
    sheet: str


def unescape(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def split_mark(part: str, mark: str, where: str) -> tuple[bool, str]:
    for prefix, written in ((f"{mark} ", True), (f"~{mark} ", False)):
        if part.startswith(prefix):
            return written, part.removeprefix(prefix)
    raise AssertionError(f"{where}: {part!r} must start with '{mark} ' or '~{mark} '")


def read_vectors(dialect: Dialect) -> Iterator[Vector]:
    path = VECTORS / f"{dialect.slug}.txt"
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name}:{number}"
        parts = line.split(" | ")
        assert len(parts) == 5, f"{where}: {len(parts)} fields, not 5"
        row, request, reply, values, sheet = (part.strip() for part in parts)
        request_written, request_text = split_mark(request, ">", where)
        reply_written, reply_text = split_mark(reply, "<", where)
        asked, _, answered = values.partition("->")
        yield Vector(
            where=where,
            row=row,
            request=unescape(request_text),
            request_written=request_written,
            reply=None if reply_text == "-" else unescape(reply_text),
            reply_written=reply_written,
            asked=json.loads(asked),
            answered=json.loads(answered),
            sheet=sheet,
        )


ALL = [(dialect, vector) for dialect in DIALECTS for vector in read_vectors(dialect)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.slug)
def test_every_row_has_a_vector_that_writes_it(dialect: Dialect) -> None:
    written = {v.row for d, v in ALL if d is dialect and v.request_written and (v.reply is None or v.reply_written)}
    assert set(dialect.rows) - written == set(), "rows without a golden vector"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.slug)
def test_rows_are_filed_under_their_own_name(dialect: Dialect) -> None:
    assert {key: row.name for key, row in dialect.rows.items()} == {key: key for key in dialect.rows}


@pytest.mark.parametrize(("dialect", "vector"), ALL, ids=[v.where for _, v in ALL])
def test_vector(dialect: Dialect, vector: Vector) -> None:
    assert any(char.isdigit() for char in vector.sheet), f"{vector.where}: cites no sheet line"
    row = dialect[vector.row]
    if vector.request_written:
        assert row.request(**vector.asked) == vector.request
    assert row.parse_request(vector.request) == vector.asked
    if vector.reply is None:
        assert not row.answers
        assert row.reply() == b""
        return
    assert row.answers
    if vector.reply_written:
        assert row.reply(**vector.answered) == vector.reply
    assert row.parse_reply(vector.reply) == vector.answered
