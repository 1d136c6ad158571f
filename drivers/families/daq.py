"""The Daq port on a LabJack T7 over Modbus TCP (instruments.md 2.11)."""

import math
import re
from collections.abc import Mapping

from drivers.errors import InstrumentRefused, LocalWireError, RemoteWireError, WrongInstrument
from drivers.ports import Identity
from drivers.transports.modbus import Connect, ModbusLink
from drivers.wire.labjack_t7 import AIN_COUNT, BY_NAME, PRODUCT_ID, TEST_VALUE, range_for
from drivers.wire.modbus import Function, Request

TIMEOUT_S = 0.4
"""One T7 transaction takes 1-5 ms on a quiet network. Two misses have to end within a second (safety.md 2.3 row 10)."""
CONNECT_TIMEOUT_S = 2.0
FULL_SCALE_MAX_V = 11.0
"""The widest range is 10 V and converts to some 10.6 V; more than this never came from the converter."""
_AIN = re.compile(r"AIN(\d{1,2})")


class LabJackT7Daq:
    """Analogue inputs of one T7. ``read`` fetches all of them in one transaction, so that they belong together."""

    def __init__(self, name: str, link: ModbusLink) -> None:
        self.name = name
        self._link = link
        self._inputs: dict[str, int] = {}

    async def identify(self) -> Identity:
        """Product, serial number and firmware. Raises WrongInstrument for anything but a T7."""
        return await self.check_identity(TIMEOUT_S)

    async def configure(self, ranges_v: Mapping[str, float]) -> None:
        """Set and read back the range of each ``AIN<n>``, in volts full scale.

        Raises LocalWireError for a name or range the T7 does not have, InstrumentRefused when the read-back differs.
        """
        chosen = {name: (self._index(name), self._range(name, range_v)) for name, range_v in ranges_v.items()}
        row = BY_NAME["AIN#_RANGE"]
        for name, (index, range_v) in chosen.items():
            request = Request(Function.WRITE_MANY, row.at(index), data=row.encode(range_v))
            await self._link.transact(request, timeout_s=TIMEOUT_S)
            took_v = await self._value("AIN#_RANGE", index)
            if abs(took_v - range_v) > 1e-6 * range_v:
                raise InstrumentRefused(self.name, f"{name} took the range {took_v:g} V instead of {range_v:g} V")
        self._inputs = {name: index for name, (index, _) in chosen.items()}

    async def read(self) -> Mapping[str, float]:
        """All configured inputs in volts. Raises RemoteWireError for a reading that is no voltage."""
        if not self._inputs:
            return {}
        row = BY_NAME["AIN#"]
        first, last = min(self._inputs.values()), max(self._inputs.values())
        request = Request(Function.READ_HOLDING, row.at(first), (last - first + 1) * row.width)
        block = await self._link.transact(request, timeout_s=TIMEOUT_S)
        readings: dict[str, float] = {}
        for name, index in self._inputs.items():
            start = (index - first) * 4
            reading_v = row.decode(block[start : start + 4])
            if not math.isfinite(reading_v) or abs(reading_v) > FULL_SCALE_MAX_V:
                raise RemoteWireError(self.name, f"{name} reads {reading_v!r}, which is no voltage")
            readings[name] = reading_v
        return readings

    async def close(self) -> None:
        """Release the link."""
        await self._link.close()

    async def check_identity(self, timeout_s: float) -> Identity:
        """As :meth:`identify`, with a deadline that may cover connecting."""
        product = await self._value("PRODUCT_ID", timeout_s=timeout_s)
        test = await self._value("TEST")
        if product != PRODUCT_ID or test != TEST_VALUE:
            raise WrongInstrument(self.name, f"product id {product:g}, test value {int(test):#010x}: not a T7")
        serial = await self._value("SERIAL_NUMBER")
        firmware = await self._value("FIRMWARE_VERSION")
        return Identity("LabJack", "T7", str(int(serial)), f"{firmware:.4f}")

    async def _value(self, name: str, instance: int = 0, timeout_s: float = TIMEOUT_S) -> float:
        row = BY_NAME[name]
        request = Request(Function.READ_HOLDING, row.at(instance), row.width)
        return row.decode(await self._link.transact(request, timeout_s=timeout_s))

    def _index(self, name: str) -> int:
        match = _AIN.fullmatch(name)
        if match is None or int(match[1]) >= AIN_COUNT:
            raise LocalWireError(self.name, f"no analogue input {name!r}; AIN0 to AIN{AIN_COUNT - 1}")
        return int(match[1])

    def _range(self, name: str, range_v: float) -> float:
        try:
            return range_for(range_v)
        except ValueError as problem:
            raise LocalWireError(self.name, f"{name}: {problem}") from problem


async def open_labjack_t7(name: str, connect: Connect, *, serial: str | int) -> LabJackT7Daq:
    """Connect and check product and serial number. Raises ConnectFailed, LinkTimeout, WrongInstrument, WireError."""
    link = ModbusLink(name, connect)
    daq = LabJackT7Daq(name, link)
    try:
        identity = await daq.check_identity(CONNECT_TIMEOUT_S)
        if identity.serial != str(serial):
            raise WrongInstrument(name, f"T7 {identity.serial} where T7 {serial} belongs")
    except InstrumentRefused as error:
        await link.close()
        raise WrongInstrument(
            name, f"another device is there, without the registers of a T7: {error.problem}"
        ) from error
    except BaseException:
        await link.close()
        raise
    return daq
