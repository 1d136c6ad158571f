"""What can go wrong between the controller and an instrument, one class per cause.

::

    InstrumentError
    ├── LinkError              the path to the instrument
    │   ├── ConnectFailed          nobody answers at the address
    │   ├── LinkTimeout            no complete answer within the deadline
    │   └── LinkClosed             the peer hung up in the middle
    ├── WireError              the bytes on the path
    │   ├── LocalWireError         we were about to send something illegal
    │   └── RemoteWireError        they sent something that cannot be right
    ├── InstrumentRefused      understood, and answered with an error
    └── WrongInstrument        another model or serial number than the rig expects

Every error carries the instrument's name in the rig, so that a message says *where*.
"""


class InstrumentError(Exception):
    """Base of the tree. ``instrument`` is the name in rig.yaml, ``problem`` one line for a person."""

    def __init__(self, instrument: str, problem: str) -> None:
        super().__init__(f"{instrument}: {problem}")
        self.instrument = instrument
        self.problem = problem


class LinkError(InstrumentError):
    """The path to the instrument failed; the instrument's own state is unknown."""


class ConnectFailed(LinkError):
    """Nobody answers at the configured address."""


def connect_problem(error: OSError) -> str:
    """Why there is no connection, in one line for a person."""
    return f"nobody answers at the address: {error.strerror or str(error) or type(error).__name__}"


class LinkTimeout(LinkError):
    """No complete answer arrived within the exchange's deadline."""


class LinkBusy(LinkTimeout):
    """Another exchange of ours had the link until the deadline: this says nothing of the instrument.

    The other exchange has a deadline of its own, and fails if the instrument does not answer it.
    """


class LinkClosed(LinkError):
    """The peer closed the connection, or the device node went away."""


class WireError(InstrumentError):
    """Bytes that break the protocol."""


class LocalWireError(WireError):
    """We were about to send something the protocol does not allow: a defect here."""


class RemoteWireError(WireError):
    """The instrument sent something the protocol does not allow, or more than was asked for."""


class InstrumentRefused(InstrumentError):
    """The instrument understood the request and answered with an error."""


class WrongInstrument(InstrumentError):
    """The identity at the address is not the one the rig expects."""
