"""Who answers at an address? Asks, changes nothing, and knows no more than the address says."""

import asyncio

from controller.rig.source import Problem, Refused
from drivers.errors import InstrumentError
from drivers.ports import Identity
from drivers.registry import MODELS, open_instrument
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp

ANSWER_TIMEOUT_S = 3.0
"""An instrument answers its identity within milliseconds; this also bounds an address where nobody is."""

ANSWER_BYTES_MAX = 4096
"""Four comma-separated fields; SCPI answers are shorter than 100 bytes."""


async def identify(resource: str, model: str = "") -> Identity:
    """Identity of what answers at ``HOST:PORT``, ``TCPIP::HOST::PORT::SOCKET`` or a serial port.

    With ``model`` the model's own protocol is used; without, SCPI's ``*IDN?`` on a socket. Raises Refused when nobody
    answers, or not in that protocol.
    """
    try:
        if model:
            return await _ask_model(resource, model)
        return await asyncio.wait_for(_ask_scpi(resource), ANSWER_TIMEOUT_S)
    except TimeoutError:
        problem = f"no answer within {ANSWER_TIMEOUT_S:g} s"
    except InstrumentError as error:
        problem = error.problem
    except OSError as error:
        problem = f"cannot be reached: {error.strerror or error}"
    except ValueError as error:
        problem = str(error)
    raise Refused([Problem(resource, 0, "", problem, "check the address, or name the protocol with --model")])


async def _ask_model(resource: str, model: str) -> Identity:
    if model not in MODELS:
        raise Refused([Problem("--model", 0, model, "there is no such model", f"models: {', '.join(sorted(MODELS))}")])
    network = "serial" not in MODELS[model].endpoints
    connect = tcp(*split_address(resource)) if network else serial_port(resource)
    instrument = await open_instrument(model, resource, connect, identity="")
    try:
        return await instrument.identify()
    finally:
        await instrument.close()


async def _ask_scpi(resource: str) -> Identity:
    reader, writer = await asyncio.open_connection(*split_address(resource), limit=ANSWER_BYTES_MAX)
    try:
        writer.write(b"*IDN?\n")
        answer = (await reader.readline()).decode("latin-1").strip()
    finally:
        writer.close()
    fields = [field.strip() for field in answer.split(",")]
    if len(fields) != 4:
        raise ValueError(f"answered {answer[:60]!r}, which is no *IDN? reply")
    return Identity(*fields)


def split_address(resource: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT`` or ``TCPIP::HOST::PORT::SOCKET``. Raises ValueError."""
    text = resource
    parts = resource.split("::")
    if len(parts) == 4 and parts[0].upper().startswith("TCPIP") and parts[3].upper() == "SOCKET":
        text = f"{parts[1]}:{parts[2]}"
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("is no network address; write HOST:PORT or TCPIP::HOST::PORT::SOCKET")
    return host, int(port)
