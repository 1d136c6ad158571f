"""A process that has everything imported and forks a child per job: a shot costs a third of a second, not two.

Protocol, JSON lines on standard input and output: an order -> {"pid"}; "go" -> {"status", ...the witness}. The child
waits for "go", so that a tracer can be attached to it first.
"""

import json
import os
import sys
import traceback
from typing import Any

from tests.crash.child import Witness, job_of

FAILED = 99
"""Exit status of a child whose job raised: never expected."""


def serve() -> None:
    """One job after the other until standard input closes."""
    for line in sys.stdin:
        _one(json.loads(line))


def _one(order: dict[str, Any]) -> None:
    witness = Witness()
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(ready, 1)
        os._exit(_child(order, witness))
    os.close(ready)
    _say({"pid": pid})
    sys.stdin.readline()
    os.close(go)
    _, status = os.waitpid(pid, 0)
    _say({"status": os.waitstatus_to_exitcode(status), **witness.read()})


def _child(order: dict[str, Any], witness: Witness) -> int:
    try:
        job_of(order)(witness)
    except BaseException:
        witness.keep(finished={"raised": traceback.format_exc()})
        return FAILED
    return 0


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # a run may import lazily: once, here, so that no child has file accesses of its own for it
    import scipy.integrate  # noqa: F401

    serve()
