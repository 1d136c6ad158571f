"""Any bytes at the rig PLC's Modbus port: as they came, or cut into request blocks with right checksums.

A checksum would keep every mutated request out, so the first byte says what the rest is: raw bytes with the marks of
:mod:`tests.fuzz.sessions`, or the bodies of requests in FC 23 frames, with a scan of the PLC after each.
"""

from drivers.wire import modbus, plc_map
from drivers.wire.plc import PlcCommand, PlcState
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.modbus import ModbusSession
from tests.fuzz.bounds import Breach
from tests.fuzz.sessions import Door
from tests.unit.plc.kit import Station

BODY = plc_map.REQUEST_REGISTERS * 2 - 4
"""Bytes of a request before its checksum."""
REQUESTS_MAX = 40
BOOT_SCANS = 5
SEALED, CHARGING = 1, 2
"""Bits of the first byte."""


class ScannedSession:
    """A connection whose PLC scans after whatever it has heard."""

    waiting = False

    def __init__(self, station: Station) -> None:
        self._station = station
        self._session = ModbusSession(PlcRegisters(station.plc))

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Bytes, and a scan."""
        chunks = self._session.feed(data, now_ns)
        self._station.scan()
        return chunks

    def tick(self, now_ns: int) -> list[Chunk]:
        """Nothing of its own."""
        return self._session.tick(now_ns)


class Doors:
    """The door of one PLC after the other; the memory of some of them is measured."""

    def __init__(self) -> None:
        self.station = Station()
        self.door = Door(lambda: {"modbus": lambda: ScannedSession(self.station)}, "modbus")


_DOORS = Doors()


def booted(charging: bool) -> Station:
    """A PLC that has just come up, or one in CHARGE: that takes a hundred times as long."""
    station = Station()
    station.reach(PlcState.CHARGE) if charging else station.scan(BOOT_SCANS)
    station.alive = False
    return station


def check_plc_session(data: bytes) -> None:
    """One input; afterwards the PLC still scans, and its status is one that a controller can read."""
    first = data[0] if data else 0
    station = _DOORS.station = booted(bool(first & CHARGING))
    rest = sealed(data[1:]) if first & SEALED else data[1:]
    _DOORS.door(rest)
    station.scan(3)
    status = plc_map.decode_status(plc_map.encode_status(station.plc.status()))
    if status.state != station.state or station.bench.fires > REQUESTS_MAX:
        raise Breach(f"{status.state} is told of {station.state}")


def sealed(bodies: bytes) -> bytes:
    """Each body as a whole exchange (FC 23), the last one filled up with zeros."""
    frames = []
    for number, start in enumerate(range(0, len(bodies), BODY)[:REQUESTS_MAX]):
        block = plc_map._seal(bodies[start : start + BODY].ljust(BODY, b"\0"))
        request = modbus.Request(
            modbus.Function.READ_WRITE, plc_map.STATUS_ADDRESS, plc_map.STATUS_REGISTERS, block, plc_map.REQUEST_ADDRESS
        )
        frames.append(modbus.encode_frame(number, 1, modbus.encode_request(request)) + b"\xf5\x08")
    return b"".join(frames)


def plc_session_seeds() -> tuple[bytes, ...]:
    """Every command to a PLC in each state, reads of its three blocks, and frames of the golden vectors."""
    from tests.fuzz.seeds import hex_vectors

    found = []
    for kind in (0, 1):
        station = booted(bool(kind))
        bodies = b""
        for command in PlcCommand:
            arguments = station.permit_arguments() if command is PlcCommand.PERMIT else station.shot_arguments()
            body = plc_map.encode_request(station.request(command, arguments))[:BODY]
            found.append(bytes([SEALED + CHARGING * kind]) + body)
            bodies += body
        found.append(bytes([SEALED + CHARGING * kind]) + bodies)
    reads = ((plc_map.STATUS_ADDRESS, 70), (plc_map.REQUEST_ADDRESS, 28), (plc_map.RING_ADDRESS, 120), (5000, 1))
    for address, count in reads:
        pdu = modbus.encode_request(modbus.Request(modbus.Function.READ_HOLDING, address, count))
        found.append(b"\0" + modbus.encode_frame(7, 1, pdu))
    return (*found, *(b"\0" + one for one in hex_vectors("modbus")))
