"""What any input may cost: CPU time, answer bytes, memory. One place, so that fuzzer and replay judge alike."""

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

INPUT_MAX = 4096
"""Bytes of one input; what grows faster than the input shows long before that."""

CPU_MAX_S = 3.0
"""CPU seconds of one input. Honest ones take milliseconds; CPU and not wall time, so that a busy machine is no hang."""

STATE_MAX = 4 << 20
"""Bytes a session may hold behind one input, samples of a scope's record aside."""

_LEAVES = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, str, bytes, bytearray, int, float)


class Breach(BaseException):
    """A bound is broken. Not an Exception, so that no handler in the code under test can swallow it."""


@contextmanager
def cpu_bound(seconds: float = CPU_MAX_S) -> Iterator[None]:
    """Raise :class:`Breach` in the block once it has used ``seconds`` of CPU."""

    def stop(number: int, frame: object) -> None:
        raise Breach(f"more than {seconds:g} s of CPU")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def held_bytes(root: object) -> int:
    """Bytes of everything reachable from ``root``, without types, code and modules."""
    seen: set[int] = set()
    found, todo = 0, [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, (type, ModuleType, CodeType)):
            continue
        seen.add(id(thing))
        found += sys.getsizeof(thing)
        if isinstance(thing, FunctionType):
            todo.extend(cell.cell_contents for cell in thing.__closure__ or () if _filled(cell))
        elif not isinstance(thing, _LEAVES):
            todo.extend(gc.get_referents(thing))
    return found


def _filled(cell: object) -> bool:
    try:
        return getattr(cell, "cell_contents", None) is not None
    except ValueError:
        return False


def allow(declared: tuple[type[Exception], ...], parse: Callable[[], object]) -> object | None:
    """The outcome of ``parse``; None when it raises what it declares."""
    try:
        return parse()
    except declared:
        return None
