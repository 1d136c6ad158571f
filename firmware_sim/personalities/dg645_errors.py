"""PURE: which DG645 error number a command line deserves (list in ``drivers/wire/dg645.py``)."""

import re

from drivers.wire.dg645 import DG645
from drivers.wire.dialect import Integer, TextRow, Values

ILLEGAL_VALUE = 10
ILLEGAL_MODE = 11
ILLEGAL_DELAY = 12
ILLEGAL_LINK = 13
RECALL_FAILED = 14
ILLEGAL_COMMAND = 110
UNDEFINED_COMMAND = 111
ILLEGAL_QUERY = 112
ILLEGAL_SET = 113
NULL_PARAMETER = 114
EXTRA_PARAMETERS = 115
MISSING_PARAMETERS = 116
BAD_FLOAT = 118
BAD_INTEGER = 120

_HEAD = re.compile(rb"(\*?[A-Za-z]{3,4})(\??)\s*(.*)", re.DOTALL)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def diagnose(text: bytes) -> tuple[str, Values, int]:
    """(row name, values, error number) of one command; error 0 means that row and values are good."""
    head = _HEAD.fullmatch(text)
    if head is None:
        return "", {}, ILLEGAL_COMMAND
    mnemonic = head[1].decode("ascii").upper()
    name = mnemonic + head[2].decode("ascii")
    if name not in DG645.rows:
        other = mnemonic if head[2] else f"{mnemonic}?"
        known = other in DG645.rows
        return name, {}, (ILLEGAL_QUERY if head[2] else ILLEGAL_SET) if known else UNDEFINED_COMMAND
    row = DG645[name]
    values = row.parse_request(text)
    if values is not None:
        return name, values, 0
    return name, {}, _argument_error(row, head[3].decode("latin-1")) if isinstance(row, TextRow) else ILLEGAL_COMMAND


def _argument_error(row: TextRow, arguments: str) -> int:
    """Why the arguments of a known command are wrong."""
    fields = list(row.command.fields.values())
    given = [part.strip() for part in arguments.split(",")] if arguments.strip() else []
    if len(given) > len(fields):
        return EXTRA_PARAMETERS
    if len(given) < len(fields):
        return MISSING_PARAMETERS
    for field, part in zip(fields, given, strict=True):
        if not part:
            return NULL_PARAMETER
        if isinstance(field, Integer):
            if re.fullmatch(r"[+-]?\d{1,19}", part) is None:
                return BAD_INTEGER
        elif _FLOAT.fullmatch(part) is None:
            return BAD_FLOAT
    return ILLEGAL_VALUE
