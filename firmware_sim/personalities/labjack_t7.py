"""PURE: a LabJack T7: its register memory, analogue inputs that read the plant, digital lines, identity.

Streaming is not simulated: its configuration registers hold what is written, enabling it is refused.
"""

import math
import struct
from collections.abc import Callable, Mapping

from drivers.wire.labjack_t7 import (
    AIN_COUNT,
    BY_NAME,
    PRODUCT_ID,
    READING_INVALID,
    REBOOT_KEY,
    TEST_VALUE,
    Register,
    instances,
    range_for,
)
from drivers.wire.modbus import ExceptionCode
from firmware_sim.signals import Acts, switch, unheard

CLIP_RATIO = 1.01
"""An input saturates a little above its nominal range (about 10.1 V on the 10 V range)."""
CODES = 65536
"""16-bit converter over twice the range."""
_DIO_BANKS = {"FIO": (0, 8), "EIO": (8, 8), "CIO": (16, 4), "MIO": (20, 3)}
"""Bank -> (first line, lines)."""
_FIRMWARE = 1.0300
_FIXED = {
    "CURRENT_SOURCE_10UA_CAL_VALUE": 1.0e-5,
    "CURRENT_SOURCE_200UA_CAL_VALUE": 2.0e-4,
    "TEST": TEST_VALUE,
    "TEST_UINT16": 0x11,
    "TEST_UINT32": TEST_VALUE,
    "TEST_INT32": -2003195205,
    "TEST_FLOAT32": -9999.0,
    "PRODUCT_ID": PRODUCT_ID,
    "FIRMWARE_VERSION": _FIRMWARE,
}
_DEFAULTS = {
    "AIN#_RANGE": 10.0,
    "AIN#_NEGATIVE_CH": 199.0,
    "STREAM_BUFFER_SIZE_BYTES": 4096.0,
    "DIO_INHIBIT": 0.0,
    "WATCHDOG_TIMEOUT_S_DEFAULT": 60.0,
}

FROZEN_V = 0.01
"""A frozen input acts once it is wrong by this much: 10 V at the bank."""

FULLY_RATIO = 0.02
"""It acts fully once it is wrong by this share of its range: what two probes may differ (safety.md 2.3 row 14)."""

Value = tuple[Register, int]


class LabJackT7:
    """One T7. ``ain_v(index)`` gives the volts at an analogue input now. The device of its Modbus sessions."""

    FAULTS: Mapping[str, str] = {
        "ain_dead": "every analogue input reads -9999, the T7's sign for a failed conversion",
        "ain_frozen": "the analogue inputs repeat their last readings",
        "silent": "requests are not answered",
    }

    def __init__(self, serial: int, ain_v: Callable[[int], float]) -> None:
        self._serial = serial
        self._ain_v = ain_v
        self._rows: dict[int, Value] = {address: (row, instance) for address, row, instance in instances()}
        self.on_act: Acts = unheard
        self.on_act_fully: Acts = unheard
        self._faults: dict[str, None] = {}
        self._last_v = [0.0] * AIN_COUNT
        self._read: set[int] = set()
        """Inputs with a last reading to repeat."""
        self._dither = serial & 0x7FFFFFFF or 1
        self.reboots = 0
        self._reset()

    def _reset(self) -> None:
        self._memory: dict[Value, float] = {}
        self._dio_state = (1 << 23) - 1
        self._dio_direction = 0

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of ``FAULTS`` on or off. Raises KeyError for an unknown id."""
        switch(self.FAULTS, self._faults, fault_id, on)

    @property
    def answering(self) -> bool:
        """False while ``silent``."""
        if "silent" in self._faults:
            self.on_act("silent", "a request is not answered")
        return "silent" not in self._faults

    @property
    def outputs_v(self) -> tuple[float, float]:
        """What DAC0 and DAC1 put out."""
        row = BY_NAME["DAC#"]
        return self._memory.get((row, 0), 0.0), self._memory.get((row, 1), 0.0)

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        """Whole values only; an unknown or write-only address is exception 2 (instruments.md 2.11)."""
        found = self._span(address, count, "r")
        if found is None:
            return ExceptionCode.ILLEGAL_ADDRESS
        return b"".join(value[0].encode(self._get(value)) for value in found)

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        """Write whole values; a value the register cannot take is exception 3 and ends the write."""
        found = self._span(address, len(data) // 2, "w")
        if found is None:
            return ExceptionCode.ILLEGAL_ADDRESS
        start = 0
        for row, instance in found:
            end = start + row.width * 2
            if not self._set((row, instance), row.decode(data[start:end])):
                return ExceptionCode.ILLEGAL_VALUE
            start = end
        return None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        """The T7 does not know FC 23."""
        return ExceptionCode.ILLEGAL_FUNCTION

    def _span(self, address: int, count: int, access: str) -> list[Value] | None:
        """The values that fill these registers exactly, or None."""
        found: list[Value] = []
        end = address + count
        while address < end:
            value = self._rows.get(address)
            if value is None or access not in value[0].access:
                return None
            found.append(value)
            address += value[0].width
        return found if address == end else None

    def _get(self, value: Value) -> float:
        row, instance = value
        name = row.name
        if name == "AIN#":
            return self._convert(instance)
        if name == "SERIAL_NUMBER":
            return self._serial
        if name.startswith(("DIO", "FIO", "EIO", "CIO", "MIO")) and (name == "DIO#" or name[3:] in _LINE_WORDS):
            return self._get_lines(name, instance)
        if name in _FIXED:
            return _FIXED[name]
        return self._memory.get(value, _DEFAULTS.get(name, 0.0))

    def _range_v(self, index: int) -> float:
        return self._memory.get((BY_NAME["AIN#_RANGE"], index), 10.0)

    def _convert(self, index: int) -> float:
        """One conversion: clipped to the range, in steps of 1 LSB, with up to 1 LSB of noise."""
        if "ain_frozen" in self._faults and index in self._read:
            error_v = abs(self._last_v[index] - self._ain_v(index))
            if error_v > FROZEN_V:
                self.on_act("ain_frozen", f"AIN{index} repeats {self._last_v[index]:.3f} V")
            if error_v > FULLY_RATIO * self._range_v(index):
                self.on_act_fully("ain_frozen", f"AIN{index} is wrong by {error_v:.3f} V")
            return self._last_v[index]
        if "ain_dead" in self._faults:
            self.on_act("ain_dead", f"AIN{index} reads {READING_INVALID:.0f}")
        input_v = READING_INVALID if "ain_dead" in self._faults else self._ain_v(index)
        if not math.isfinite(input_v) or input_v == READING_INVALID:
            return READING_INVALID
        range_v = self._range_v(index)
        lsb_v = 2.0 * range_v / CODES
        # MINSTD (Park and Miller 1988): a few lines of noise that need no seed but the serial number
        self._dither = self._dither * 48271 % 0x7FFFFFFF
        noisy_v = input_v + lsb_v * (2.0 * self._dither / 0x7FFFFFFF - 1.0)
        limit_v = CLIP_RATIO * range_v
        reading_v = round(max(-limit_v, min(limit_v, noisy_v)) / lsb_v) * lsb_v
        self._last_v[index] = reading_v
        self._read.add(index)
        return reading_v

    def _set(self, value: Value, number: float) -> bool:
        row, instance = value
        name = row.name
        if row.type == "f32" and not math.isfinite(number):
            return False
        if name == "AIN#_RANGE":
            try:
                number = range_for(number)
            except ValueError:
                return False
        elif (name == "DAC#" and not 0.0 <= number <= 5.0) or (name == "STREAM_ENABLE" and number):
            return False
        elif name == "SYSTEM_REBOOT":
            return self._reboot(int(number))
        elif name == "DIO#" or (name[3:] in _LINE_WORDS and name != "DIO_INHIBIT"):
            self._set_lines(name, instance, int(number))
            return True
        self._memory[value] = struct.unpack(">f", struct.pack(">f", number))[0] if row.type == "f32" else number
        return True

    def _reboot(self, key: int) -> bool:
        if key != REBOOT_KEY:
            return False
        self.reboots += 1
        self._reset()
        return True

    def _get_lines(self, name: str, instance: int) -> int:
        if name == "DIO#":
            return self._dio_state >> instance & 1
        word = self._dio_direction if name.endswith("DIRECTION") else self._dio_state
        if name.startswith("DIO"):
            return word
        first, count = _DIO_BANKS[name[:3]]
        return word >> first & ((1 << count) - 1)

    def _set_lines(self, name: str, instance: int, number: int) -> None:
        """Writing one line also makes it an output; bank and DIO words only change what they name."""
        if name == "DIO#":
            self._dio_direction |= 1 << instance
            self._dio_state = self._dio_state & ~(1 << instance) | (number & 1) << instance
            return
        first, count = (0, 23) if name.startswith("DIO") else _DIO_BANKS[name[:3]]
        mask = ((1 << count) - 1) << first
        if name.endswith("DIRECTION"):
            self._dio_direction = self._dio_direction & ~mask | number << first & mask
        else:
            self._dio_state = self._dio_state & ~mask | number << first & mask


_LINE_WORDS = ("_STATE", "_DIRECTION")
