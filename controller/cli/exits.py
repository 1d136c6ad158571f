"""What the exit codes of ``controller.sequencer.verdict`` mean to the person who reads them."""

from controller.sequencer.verdict import Exit

MEANING = {
    Exit.PASS: "pass",
    Exit.FAILED: "ran and failed a limit, or inconclusive",
    Exit.REFUSED: "refused before any energy",
    Exit.ABORTED: "aborted, tripped or misfired; verified safe",
    Exit.UNSAFE: "safe not verified",
    Exit.INTERNAL: "internal error",
}
"""One line per code: shown by ``sparkgap --help`` and the reference page."""
