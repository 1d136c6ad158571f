"""Exit codes of design.md section 4: ``unsafe`` wins over ``internal`` over ``aborted`` over ``failed``."""

from enum import IntEnum


class Exit(IntEnum):
    """What the command's exit status says."""

    PASS = 0
    FAILED = 1
    REFUSED = 2
    ABORTED = 3
    UNSAFE = 4
    INTERNAL = 5


MEANING = {
    Exit.PASS: "pass",
    Exit.FAILED: "ran and failed a limit, or inconclusive",
    Exit.REFUSED: "refused before any energy",
    Exit.ABORTED: "aborted, tripped or misfired; verified safe",
    Exit.UNSAFE: "safe not verified",
    Exit.INTERNAL: "internal error",
}
"""One line per code: shown by ``sparkgap --help`` and the reference page."""

SEVERITY = (Exit.PASS, Exit.FAILED, Exit.REFUSED, Exit.ABORTED, Exit.INTERNAL, Exit.UNSAFE)


def worst(*codes: int) -> Exit:
    """The most severe of several exit codes."""
    return max((Exit(code) for code in codes), key=SEVERITY.index)
