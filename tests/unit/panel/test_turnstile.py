"""The turnstile: an abort passes everybody who waits, and everybody who waits gets in."""

import asyncio
from typing import Any

from controller.panel.guard import ABORT_PATH
from controller.panel.turnstile import PER_TURN, Turnstile

ASKED = 200


class App:
    """Notes in which order requests are begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(f"{scope['method']} {scope['path']}")


async def nothing(*message: Any) -> Any:
    raise AssertionError("nobody reads or writes here")


def request(method: str, path: str) -> dict[str, str]:
    return {"type": "http", "method": method, "path": path}


async def test_an_abort_passes_everybody_who_waits() -> None:
    app = App()
    turnstile = Turnstile(app)
    async with asyncio.TaskGroup() as group:
        for _ in range(ASKED):
            group.create_task(turnstile(request("GET", "/api/v1/rig"), nothing, nothing), name="flood")
        for method in ("GET", "POST"):
            group.create_task(turnstile(request(method, ABORT_PATH), nothing, nothing), name=f"{method} abort")
    assert app.begun.index(f"POST {ABORT_PATH}") <= PER_TURN
    assert app.begun[-1] == f"GET {ABORT_PATH}", "asking for the address is no abort"
    assert len(app.begun) == ASKED + 2


async def test_who_gave_up_waiting_takes_nobodys_turn() -> None:
    app = App()
    turnstile = Turnstile(app)
    waiting = [
        asyncio.create_task(turnstile(request("GET", f"/{n}"), nothing, nothing), name="waits") for n in range(20)
    ]
    await asyncio.sleep(0)
    for task in waiting[:10]:
        task.cancel()
    await asyncio.wait(waiting)
    assert app.begun == [f"GET /{n}" for n in range(10, 20)]
