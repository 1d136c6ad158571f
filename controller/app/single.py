"""One stand-in alone on free ports or a pty, useful without any bench (``sparkgap sim --instrument``)."""

import asyncio

from controller.rig.source import Problem, Refused
from firmware_sim.servers.doors import OpenDoors, open_doors
from firmware_sim.standalone import STANDALONE


def require_standalone(model: str) -> None:
    """Raise Refused for a model that does not stand alone."""
    if model not in STANDALONE:
        remedy = f"models that stand alone: {', '.join(STANDALONE)}"
        raise Refused([Problem("--instrument", 0, "", f"there is no stand-in called {model!r}", remedy)])


async def serve_single(model: str, seed: int) -> OpenDoors:
    """Start the stand-in of ``model`` on all its transports. Raises Refused for one that does not stand alone."""
    require_standalone(model)
    loop = asyncio.get_running_loop()
    origin_ns = round(loop.time() * 1e9)
    return await open_doors(STANDALONE[model](seed), lambda: round(loop.time() * 1e9) - origin_ns)
