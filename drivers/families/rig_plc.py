"""The RigPlc port on Modbus TCP: one FC23 per heartbeat, events read by number (bench.md section 2, "Link")."""

from drivers.errors import InstrumentRefused, LocalWireError, RemoteWireError, WrongInstrument
from drivers.ports import Identity
from drivers.transports.modbus import Connect, ModbusLink
from drivers.wire.modbus import Function, Request
from drivers.wire.plc import PlcEvent, PlcRequest, PlcStatus
from drivers.wire.plc_map import (
    EVENT_REGISTERS,
    EVENTS_MAX,
    EVENTS_PER_READ,
    REQUEST_ADDRESS,
    RUN_ADDRESS,
    RUN_REGISTERS,
    STATUS_ADDRESS,
    STATUS_REGISTERS,
    decode_event,
    decode_run_status,
    decode_status,
    encode_request,
    event_address,
)
from drivers.wire.plc_run import PlcRunStatus

EXCHANGE_TIMEOUT_S = 0.2
"""A heartbeat's answer: two in a row may be missed before the PLC's 500 ms watchdog."""
READ_TIMEOUT_S = 0.5
CONNECT_TIMEOUT_S = 2.0

_STATUS = Request(Function.READ_HOLDING, STATUS_ADDRESS, STATUS_REGISTERS)
_RUN = Request(Function.READ_HOLDING, RUN_ADDRESS, RUN_REGISTERS)


class ModbusRigPlc:
    """A rig PLC behind a Modbus link. ``limits_hash`` is what the PLC reported when it was opened."""

    def __init__(self, name: str, link: ModbusLink) -> None:
        self.name = name
        self.limits_hash = 0
        self._link = link

    async def identify(self) -> Identity:
        """Rig id as model, boot id as serial, limits hash as firmware: what the PLC says about itself."""
        status = await self.read_status()
        return Identity("sparkgap", f"rig-plc {status.rig_id}", str(status.boot_id), f"{status.limits_hash:016x}")

    async def read_status(self, timeout_s: float = READ_TIMEOUT_S) -> PlcStatus:
        """The status block without speaking to the PLC as a controller: feeds no watchdog, needs no epoch."""
        return self._decode(await self._link.transact(_STATUS, timeout_s=timeout_s))

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        """Send one request and return the status block. A block whose CRC is wrong raises RemoteWireError."""
        try:
            block = encode_request(request)
        except ValueError as problem:
            raise LocalWireError(self.name, str(problem)) from problem
        frame = Request(Function.READ_WRITE, STATUS_ADDRESS, STATUS_REGISTERS, block, REQUEST_ADDRESS)
        return self._decode(await self._link.transact(frame, timeout_s=EXCHANGE_TIMEOUT_S))

    async def read_run(self) -> PlcRunStatus:
        """The run block. A PLC without one refuses; a block whose CRC is wrong raises RemoteWireError."""
        block = await self._link.transact(_RUN, timeout_s=EXCHANGE_TIMEOUT_S)
        try:
            return decode_run_status(block)
        except ValueError as problem:
            raise RemoteWireError(self.name, str(problem)) from problem

    async def read_events(self, first: int, count: int) -> tuple[PlcEvent, ...]:
        """Events ``first`` .. ``first + count - 1`` that the ring still holds; overwritten ones are left out."""
        if first < 0 or count < 0:
            raise LocalWireError(self.name, f"events {first} + {count}")
        events: list[PlcEvent] = []
        number, end = first, first + min(count, EVENTS_MAX)
        while number < end:
            page = min(EVENTS_PER_READ, end - number, EVENTS_MAX - number % EVENTS_MAX)
            events += await self._read_page(number, page)
            number += page
        return tuple(events)

    async def close(self) -> None:
        """Release the link."""
        await self._link.close()

    async def _read_page(self, first: int, count: int) -> list[PlcEvent]:
        request = Request(Function.READ_HOLDING, event_address(first), count * EVENT_REGISTERS)
        block = await self._link.transact(request, timeout_s=READ_TIMEOUT_S)
        size = EVENT_REGISTERS * 2
        try:
            slots = [decode_event(block[start : start + size]) for start in range(0, len(block), size)]
        except ValueError as problem:
            raise RemoteWireError(self.name, str(problem)) from problem
        return [e for e, number in zip(slots, range(first, first + count), strict=True) if e and e.number == number]

    def _decode(self, block: bytes) -> PlcStatus:
        try:
            return decode_status(block)
        except ValueError as problem:
            raise RemoteWireError(self.name, str(problem)) from problem


async def open_rig_plc(name: str, connect: Connect, *, rig_id: int) -> ModbusRigPlc:
    """Connect, read the status and check the rig id. Raises ConnectFailed, LinkTimeout, WrongInstrument, WireError."""
    link = ModbusLink(name, connect)
    plc = ModbusRigPlc(name, link)
    try:
        status = await plc.read_status(CONNECT_TIMEOUT_S)
        if status.rig_id != rig_id:
            raise WrongInstrument(name, f"the PLC of rig {status.rig_id} where rig {rig_id} belongs")
    except InstrumentRefused as error:
        await link.close()
        raise WrongInstrument(
            name, f"another device is there, without the registers of a rig PLC: {error.problem}"
        ) from error
    except BaseException:
        await link.close()
        raise
    plc.limits_hash = status.limits_hash
    return plc
