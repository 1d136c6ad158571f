"""What fuzzing starts from: the golden vectors' own bytes, and one whole conversation per framed protocol."""

import re
from collections.abc import Iterable
from pathlib import Path

from drivers.registry import MODELS
from drivers.wire import hislip
from drivers.wire.hislip import Kind, Message
from firmware_sim.sessions import rpc, vxi11, vxi11_core, vxi11_interrupt

VECTORS = Path(__file__).parents[1] / "vectors"
SEEDS_MAX = 60

TO_SECOND, NEXT_MS, TO_THIRD = b"\xf5\x01", b"\xf5\x08", b"\xf5\x02"
"""Marks of :mod:`tests.fuzz.sessions`."""

SCPI = (
    b"*IDN?\n", b"*RST;*CLS;*OPC?\n", b"*ESE #H20;*SRE 32;*OPC\n", b":SYST:ERR?\n", b"*SAV 1;*RCL 1;*TST?\n",
    b":SINGLE\n", b":DIGitize CHANnel1\n:WAV:DATA?\n", b":TRIG:FORCE\n", b"*TRG;*WAI;*STB?\n",
    b":WAVeform:PREamble?\n", b"CURVE?\n", b"C1:WF? DAT1\n", b"ARM;WAIT;TRMD SINGLE\n", b"PNSU?\n",
    b"VBS? 'return=app.Acquisition'\n", b"ACQ:STATE RUN\n", b":AUT\n",
)  # fmt: skip


def text_vectors(slug: str) -> list[bytes]:
    """The requests and replies of a dialect's vector file."""
    path = VECTORS / f"{slug}.txt"
    found: list[bytes] = []
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        for part in line.split(" | ")[1:3] if not line.startswith("#") else ():
            text = part.strip().lstrip("~")[2:]
            if text and text != "-":
                found.append(text.encode("ascii").decode("unicode_escape").encode("latin-1"))
    return found


def requests(slug: str) -> list[bytes]:
    """Only the requests."""
    path = VECTORS / f"{slug}.txt"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    parts = [line.split(" | ")[1].strip().lstrip("~")[2:] for line in lines if " | " in line and line[0] != "#"]
    return [part.encode("ascii").decode("unicode_escape").encode("latin-1") for part in parts]


def hex_vectors(name: str) -> list[bytes]:
    """Every field of hexadecimal bytes in a vector file."""
    text = (VECTORS / f"{name}.txt").read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    fields = [field.replace(" ", "") for line in lines for field in line.split(" | ")[1:]]
    return [bytes.fromhex(field) for field in fields if re.fullmatch(r"(?:[0-9a-fA-F]{2}){4,}", field)]


def hislip_talk(requested: Iterable[bytes]) -> list[bytes]:
    """A client's both channels, and messages on them."""
    begin = hislip.Initialize().message().encode() + TO_SECOND + hislip.async_initialize(1).encode()
    size = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, 1 << 20).encode()
    clear = Message(Kind.ASYNC_DEVICE_CLEAR).encode() + b"\xf5\x00" + Message(Kind.DEVICE_CLEAR_COMPLETE).encode()
    status = Message(Kind.ASYNC_STATUS_QUERY, 0, hislip.FIRST_ID).encode()
    locks = b"".join(m.encode() for m in (hislip.lock_request(5), hislip.lock_release(hislip.FIRST_ID)))
    other = [begin + size, begin + clear, begin + status + locks, begin + Message(Kind.ASYNC_LOCK_INFO).encode()]
    data = [
        begin + b"\xf5\x00" + Message(Kind.DATA_END, 0, hislip.FIRST_ID, line).encode() + NEXT_MS for line in requested
    ]
    return other + data


def vxi11_talk(requested: Iterable[bytes]) -> list[bytes]:
    """A link, and calls on it."""

    def call(procedure: int, arguments: bytes, program: int = vxi11.CORE) -> bytes:
        return b"".join(bytes(c.data) for c in rpc.record(rpc.encode_call(1, program, 1, procedure, arguments)))

    flat = rpc.u32(0, 0, 0, 100)
    link = call(vxi11_core.CREATE_LINK, rpc.u32(1, 0, 0) + rpc.opaque(b"inst0"))
    read = call(vxi11_core.READ, rpc.u32(0, 4096, 100, 0, 0, 0))
    more = [
        call(procedure, flat)
        for procedure in (
            vxi11_core.READSTB,
            vxi11_core.TRIGGER,
            vxi11_core.CLEAR,
            vxi11_core.REMOTE,
            vxi11_core.LOCK,
            vxi11_core.LOCAL,
        )
    ]
    more += [call(vxi11_core.UNLOCK, rpc.u32(0)), call(vxi11_core.DESTROY_LINK, rpc.u32(0))]
    more.append(call(vxi11_core.ENABLE_SRQ, rpc.u32(0, 1) + rpc.opaque(b"handle")))
    more.append(call(vxi11_core.CREATE_INTR_CHAN, rpc.u32(0x7F000001, 4711, vxi11_interrupt.INTERRUPT, 1, 0)))
    more.append(call(vxi11_core.DESTROY_INTR_CHAN, b""))
    more.append(call(vxi11.DEVICE_ABORT, rpc.u32(0), vxi11.ABORT))
    write = [call(vxi11_core.WRITE, rpc.u32(0, 100, 0, 8) + rpc.opaque(line)) for line in requested]
    return [link + one + read for one in more + write]


def portmap_talk() -> list[bytes]:
    """GETPORT and DUMP."""
    asked = (rpc.encode_call(1, 100_000, 2, 3, rpc.u32(vxi11.CORE, 1, 6, 0)), rpc.encode_call(2, 100_000, 2, 4, b""))
    return [b"".join(bytes(c.data) for c in rpc.record(call)) for call in asked]


def session_seeds(model: str, transport: str) -> list[bytes]:
    """Seeds for one door of a stand-in."""
    known = MODELS.get(model)
    slug = known.dialect.slug if known is not None and known.dialect is not None else ""
    lines = requests(slug) if slug else []
    lines = (lines or list(SCPI)) + ([*SCPI] if transport in ("hislip", "vxi11", "socket") else [])
    step = max(1, len(lines) // SEEDS_MAX)
    chosen = [*lines[::step], b"".join(lines)[:3000]]
    if slug.startswith("tpg"):
        chosen = [line + b"\x05" for line in chosen]
    if transport == "hislip":
        return hislip_talk(chosen)
    if transport == "vxi11":
        return vxi11_talk(chosen)
    if transport == "modbus":
        return hex_vectors("modbus")
    return chosen
