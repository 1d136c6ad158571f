"""How an instrument is reached, and the link that goes that way: the families over it never know which it is.

A byte stream (socket, serial line) is its ``Connect``; HiSLIP and VISA say what else they need. All links keep the
same promises: one exchange at a time, a total deadline on each, and never a stale answer.
"""

from dataclasses import dataclass
from typing import Protocol

from drivers.errors import ConnectFailed
from drivers.transports.link import Connect, Hello, Link, Recovery
from drivers.transports.receiver import Framer
from drivers.wire.dialect import Row, Values


@dataclass(frozen=True, slots=True)
class Hislip:
    """HiSLIP (IVI-6.1): ``connect`` opens one of its two channels, each time it is called."""

    connect: Connect
    sub_address: str = "hislip0"


@dataclass(frozen=True, slots=True)
class Visa:
    """Whatever PyVISA can open by this resource string: GPIB, USB-TMC, VXI-11, a vendor's VISA.

    ``library`` is PyVISA's choice of backend (``@py``, ``@ivi``, ``@sim`` with a file); empty takes the installed one.
    """

    resource: str
    library: str = ""


Route = Connect | Hislip | Visa
"""A callable is a byte stream."""


class InstrumentLink(Protocol):
    """What a family needs of its link; :class:`drivers.transports.link.Link` documents each of them."""

    name: str

    async def open(self, timeout_s: float) -> None:
        """Connect and say hello now. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
        ...

    async def query(
        self,
        request: bytes,
        *,
        timeout_s: float,
        terminator: bytes = b"\n",
        framer: Framer | None = None,
        max_bytes: int = 4096,
    ) -> bytes:
        """Send ``request``, return its one reply without terminator. Raises LinkError, RemoteWireError."""
        ...

    async def query_block(
        self, request: bytes, out: bytearray | memoryview, *, timeout_s: float, terminator: bytes = b"\n"
    ) -> int:
        """Send ``request``, receive one definite block into ``out``; its length in bytes. Raises as :meth:`query`."""
        ...

    async def send(self, request: bytes, *, timeout_s: float) -> None:
        """Send ``request``, which has no reply. Raises as :meth:`query`."""
        ...

    async def ask(
        self, row: Row, *, timeout_s: float, terminator: bytes = b"\n", before: bytes = b"", **values: object
    ) -> Values:
        """One dialect row: its request after ``before``, and the values of its reply. Raises as :meth:`query`."""
        ...

    def poison(self, problem: str) -> None:
        """Distrust the stream: restore it before the next exchange."""
        ...

    def retry_now(self) -> None:
        """The next exchange may connect at once: a command that must not wait for a pause (``backoff.py``)."""
        ...

    async def close(self) -> None:
        """Release the link. Never raises for one that is already gone."""
        ...


def make_link(
    name: str, route: Route, *, recovery: Recovery = Recovery.RECONNECT, hello: Hello | None = None
) -> InstrumentLink:
    """The link to instrument ``name`` along ``route``. Opens nothing yet; ``recovery`` matters to byte streams only."""
    if isinstance(route, Hislip):
        from drivers.transports.hislip import HislipLink

        return HislipLink(name, route, hello=hello)
    if isinstance(route, Visa):
        from drivers.transports.visa import VisaLink

        return VisaLink(name, route, hello=hello)
    return Link(name, route, recovery=recovery, hello=hello)


def stream_of(name: str, route: Route) -> Connect:
    """The byte stream of an instrument that has no other way in. Raises ConnectFailed for HiSLIP and VISA."""
    if callable(route):
        return route
    wrong = f"it is reached by a socket or a serial line, not by {type(route).__name__.upper()}"
    raise ConnectFailed(name, f"{wrong}: write HOST:PORT or a device like /dev/ttyUSB0")
