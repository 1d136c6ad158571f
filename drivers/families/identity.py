"""Is it the instrument the rig expects? The expectation is a substring or a regular expression of the answer."""

import re
from collections.abc import Callable


def match_identity(identity: str) -> Callable[[bytes], bool]:
    """A test of an identification answer against ``identity``; an empty expectation accepts everybody."""
    try:
        pattern: re.Pattern[str] | None = re.compile(identity)
    except re.error:
        pattern = None

    def accept(answer: bytes) -> bool:
        text = answer.decode("latin-1").strip()
        return identity in text or (pattern is not None and pattern.search(text) is not None)

    return accept
