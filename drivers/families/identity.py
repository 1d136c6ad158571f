"""Is it the instrument the rig expects? The expectation is a substring or a regular expression of the answer."""

import re
from collections.abc import Callable


def match_identity(identity: str) -> Callable[[bytes], bool]:
    """A test of an identification answer against ``identity``; an empty expectation accepts everybody.

    Blanks do not count in a substring: FuG writes ``4 000`` for 4000 (instruments.md 2.4).
    """
    wanted = "".join(identity.split())
    try:
        pattern: re.Pattern[str] | None = re.compile(identity)
    except re.error:
        pattern = None

    def accept(answer: bytes) -> bool:
        text = answer.decode("latin-1").strip()
        return wanted in "".join(text.split()) or (pattern is not None and pattern.search(text) is not None)

    return accept


def number_in(identity: str) -> int | None:
    """The last number of at least one digit standing alone in ``identity`` (``rig 1``, ``T7 470012345``), or None."""
    found = re.findall(r"(?<![\w.])\d+(?![\w.])", identity)
    return int(found[-1]) if found else None
