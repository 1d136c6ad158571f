"""One stand-in alone on free ports or a pty, useful without any bench (``sparkgap sim --instrument``)."""

import asyncio
import difflib

from controller.app.tape import Tape
from controller.app.tape_tap import taping
from controller.rig.source import Problem, Refused
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.servers.doors import SERIAL, OpenDoors, open_doors
from firmware_sim.sessions.base import Session
from firmware_sim.standalone import STANDALONE

WIRE_FAULTS = FAULTS
"""What ``--fault`` takes for one stand-in alone: the faults of its links, one set for all its doors."""


def require_standalone(model: str, faults: tuple[str, ...] = ()) -> None:
    """Raise Refused for a model that does not stand alone, or a fault that its links do not know."""
    if model not in STANDALONE:
        remedy = f"models that stand alone: {', '.join(STANDALONE)}"
        raise Refused([Problem("--instrument", 0, "", f"there is no stand-in called {model!r}", remedy)])
    problems = []
    for fault in faults:
        if fault not in FAULTS:
            close = difflib.get_close_matches(fault.rpartition(".")[2], FAULTS, 1)
            remedy = f"did you mean {close[0]}?" if close else "`sparkgap faults --instrument MODEL` lists the ids"
            problems.append(Problem("--fault", 0, fault, f"there is no fault {fault!r}", remedy))
    if problems:
        raise Refused(problems)


async def serve_single(model: str, seed: int, faults: tuple[str, ...] = (), tape: Tape | None = None) -> OpenDoors:
    """Start the stand-in of ``model`` on all its transports, with ``faults`` on its links from the start.

    Raises Refused as :func:`require_standalone`.
    """
    require_standalone(model, faults)
    loop = asyncio.get_running_loop()
    origin_ns = round(loop.time() * 1e9)
    links, recorded = LinkFaults(seed=seed), taping(tape, model)
    for fault in faults:
        links.inject(fault)

    def around(transport: str, session: Session) -> Session:
        return recorded(transport, links.wrap(session, serial=transport == SERIAL))

    return await open_doors(STANDALONE[model](seed), lambda: round(loop.time() * 1e9) - origin_ns, around)
