"""PURE: the LabJack T7's Modbus register table and its value types (instruments.md 2.11).

Big-endian, high word first; FC 3 and 4 read the same map. A ``#`` in a name stands for the instance: ``AIN#_RANGE``
instance 3 is ``AIN3_RANGE``. FIRMWARE_VERSION (60004) is from LabJack's published map, the rest from instruments.md.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PRODUCT_ID = 7.0
TEST_VALUE = 0x00112233
REBOOT_KEY = 0x4C4A0001
READING_INVALID = -9999.0
"""What the T7 reports for an input it could not convert."""
RANGES_V = (10.0, 1.0, 0.1, 0.01)
AIN_COUNT = 14
DIO_COUNT = 23

TYPES = {"f32": struct.Struct(">f"), "u32": struct.Struct(">I"), "i32": struct.Struct(">i"), "u16": struct.Struct(">H")}


@dataclass(frozen=True, slots=True)
class Register:
    """One row: first address, type, access (r, w, rw), and for numbered ones how many and how far apart."""

    name: str
    address: int
    type: str
    access: str
    count: int = 1
    stride: int = 2

    @property
    def width(self) -> int:
        """Registers of one value."""
        return TYPES[self.type].size // 2

    def at(self, instance: int = 0) -> int:
        """Address of one instance. Raises ValueError for one that does not exist."""
        if not 0 <= instance < self.count:
            raise ValueError(f"{self.name} has no instance {instance}")
        return self.address + instance * self.stride

    def encode(self, value: float) -> bytes:
        """The value's bytes. Raises ValueError when the type cannot hold it."""
        try:
            return TYPES[self.type].pack(value if self.type == "f32" else int(value))
        except (struct.error, OverflowError) as problem:
            raise ValueError(f"{self.name}: {value!r} is no {self.type}") from problem

    def decode(self, data: bytes) -> float:
        """The value in these bytes. Raises ValueError when there are too few or too many."""
        if len(data) != self.width * 2:
            raise ValueError(f"{self.name}: {len(data)} bytes where {self.width * 2} belong")
        value: float = TYPES[self.type].unpack(data)[0]
        return value


TABLE = (
    Register("AIN#", 0, "f32", "r", AIN_COUNT),
    Register("DAC#", 1000, "f32", "rw", 2),
    Register("CURRENT_SOURCE_10UA_CAL_VALUE", 1900, "f32", "r"),
    Register("CURRENT_SOURCE_200UA_CAL_VALUE", 1902, "f32", "r"),
    Register("DIO#", 2000, "u16", "rw", DIO_COUNT, 1),
    Register("FIO_STATE", 2500, "u16", "rw"),
    Register("EIO_STATE", 2501, "u16", "rw"),
    Register("CIO_STATE", 2502, "u16", "rw"),
    Register("MIO_STATE", 2503, "u16", "rw"),
    Register("FIO_DIRECTION", 2600, "u16", "rw"),
    Register("EIO_DIRECTION", 2601, "u16", "rw"),
    Register("CIO_DIRECTION", 2602, "u16", "rw"),
    Register("MIO_DIRECTION", 2603, "u16", "rw"),
    Register("DIO_STATE", 2800, "u32", "rw"),
    Register("DIO_DIRECTION", 2850, "u32", "rw"),
    Register("DIO_INHIBIT", 2900, "u32", "rw"),
    Register("DIO#_EF_READ_A", 3000, "u32", "r", DIO_COUNT),
    Register("STREAM_SCANRATE_HZ", 4002, "f32", "rw"),
    Register("STREAM_NUM_ADDRESSES", 4004, "u32", "rw"),
    Register("STREAM_SAMPLES_PER_PACKET", 4006, "u32", "rw"),
    Register("STREAM_SETTLING_US", 4008, "f32", "rw"),
    Register("STREAM_RESOLUTION_INDEX", 4010, "u32", "rw"),
    Register("STREAM_BUFFER_SIZE_BYTES", 4012, "u32", "rw"),
    Register("STREAM_AUTO_TARGET", 4016, "u32", "rw"),
    Register("STREAM_NUM_SCANS", 4020, "u32", "rw"),
    Register("STREAM_SCANLIST_ADDRESS#", 4100, "u32", "rw", 128),
    Register("STREAM_ENABLE", 4990, "u32", "rw"),
    Register("AIN#_RANGE", 40000, "f32", "rw", AIN_COUNT),
    Register("AIN#_NEGATIVE_CH", 41000, "u16", "rw", AIN_COUNT, 1),
    Register("AIN#_RESOLUTION_INDEX", 41500, "u16", "rw", AIN_COUNT, 1),
    Register("AIN#_SETTLING_US", 42000, "f32", "rw", AIN_COUNT),
    Register("DIO#_EF_ENABLE", 44000, "u32", "rw", DIO_COUNT),
    Register("DIO#_EF_INDEX", 44100, "u32", "rw", DIO_COUNT),
    Register("TEST", 55100, "u32", "r"),
    Register("TEST_UINT16", 55110, "u16", "r"),
    Register("TEST_UINT32", 55120, "u32", "r"),
    Register("TEST_INT32", 55122, "i32", "r"),
    Register("TEST_FLOAT32", 55124, "f32", "r"),
    Register("PRODUCT_ID", 60000, "f32", "r"),
    Register("FIRMWARE_VERSION", 60004, "f32", "r"),
    Register("SERIAL_NUMBER", 60028, "u32", "r"),
    Register("WATCHDOG_ENABLE_DEFAULT", 61600, "u32", "rw"),
    Register("WATCHDOG_TIMEOUT_S_DEFAULT", 61604, "u32", "rw"),
    Register("WATCHDOG_RESET_ENABLE_DEFAULT", 61620, "u32", "rw"),
    Register("SYSTEM_REBOOT", 61998, "u32", "w"),
)
"""Every register spoken here. 61998 is write-only: polling it is refused like an unknown address (EPICS issue 1)."""

BY_NAME = {row.name: row for row in TABLE}


def instances() -> Iterator[tuple[int, Register, int]]:
    """Every (address, row, instance) of the table."""
    for row in TABLE:
        for instance in range(row.count):
            yield row.at(instance), row, instance


def range_for(asked_v: float) -> float:
    """The input range the T7 takes for a wanted full scale: the smallest that covers it; 0 means the default, 10 V.

    Raises ValueError for one beyond 10 V or not a number.
    """
    if asked_v == 0.0:
        return RANGES_V[0]
    fitting = [range_v for range_v in RANGES_V if range_v >= abs(asked_v) * (1.0 - 1e-6)]
    if not fitting or not math.isfinite(asked_v):
        raise ValueError(f"no input range of {asked_v!r} V")
    return fitting[-1]
