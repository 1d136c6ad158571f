"""Who is alive: the heartbeat to the PLC stops when any task breaks its promise (safety.md 2.3 rows 23 and 24).

A task promises to be back by a moment, not to run at a rate: one that waits for a slow instrument has promised
that instrument's deadline. Nothing here is a timer of its own; the heartbeat asks.
"""

PING_S = 0.3
"""A task that waits for nobody is back within this time (safety.md 2.3 row 24)."""

STALL_S = 0.1
"""The heartbeat asks every 50 ms. When it comes later, the whole loop stood still and no task could keep a promise:
that is the business of the watch's ``loop-gap`` and of the PLC's watchdog, not of the tasks."""


class Health:
    """Promises by task name, in loop nanoseconds."""

    def __init__(self) -> None:
        self._due_ns: dict[str, int] = {}
        self._asked_ns: int | None = None
        self.beats = 0
        """Rounds of the heartbeat itself, which asks after everybody else: the frames look whether it still comes."""

    def promise(self, task: str, now_ns: int, within_s: float) -> None:
        """``task`` will call again within ``within_s`` seconds."""
        self._due_ns[task] = now_ns + int(within_s * 1e9)

    def retire(self, task: str) -> None:
        """``task`` ended as planned; nothing more is expected of it."""
        self._due_ns.pop(task, None)

    def overdue(self, now_ns: int) -> str:
        """The first task that broke its promise, or an empty string."""
        stood_ns = 0 if self._asked_ns is None else now_ns - self._asked_ns
        self._asked_ns = now_ns
        if stood_ns > STALL_S * 1e9:
            self._due_ns = {task: due_ns + stood_ns for task, due_ns in self._due_ns.items()}
        for task, due_ns in self._due_ns.items():
            if now_ns > due_ns:
                return task
        return ""
