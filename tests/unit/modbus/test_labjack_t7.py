"""The LabJack T7: golden vectors, analogue inputs, the Daq family on virtual time."""

import math

import pytest

from controller.app.linked import Connect, linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, LinkTimeout, LocalWireError, RemoteWireError, WrongInstrument
from drivers.families.daq import open_labjack_t7
from drivers.wire.labjack_t7 import BY_NAME, TABLE, range_for
from drivers.wire.modbus import ExceptionCode
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.modbus import ModbusDevice, ModbusSession
from tests.unit.modbus.test_codec import read_vectors

SERIAL = 469827626


def joined(device: ModbusDevice) -> Connect:
    """A ``connect`` that joins a driver to a stand-in in memory."""
    return linked(lambda: SessionProtocol(lambda: ModbusSession(device)))


def _volts(device: LabJackT7, index: int) -> float:
    data = device.read(BY_NAME["AIN#"].at(index), 2)
    assert isinstance(data, bytes)
    return BY_NAME["AIN#"].decode(data)


def test_vectors_in_one_conversation() -> None:
    device = LabJackT7(SERIAL, lambda index: 0.0)
    session = ModbusSession(device)
    for name, request, reply in read_vectors("labjack_t7.txt"):
        chunks = session.feed(request, 0)
        assert b"".join(bytes(chunk.data) for chunk in chunks) == reply, name
    assert device.reboots == 1 and device.outputs_v == (0.0, 0.0), "the reboot cleared DAC1"


def test_every_register_of_the_sheet_is_readable_or_write_only() -> None:
    device = LabJackT7(SERIAL, lambda index: 0.0)
    for row in TABLE:
        for instance in (0, row.count - 1):
            data = device.read(row.at(instance), row.width)
            if "r" in row.access:
                assert isinstance(data, bytes) and len(data) == row.width * 2, row.name
            else:
                assert data is ExceptionCode.ILLEGAL_ADDRESS, row.name


def test_addresses_do_not_overlap() -> None:
    taken: dict[int, str] = {}
    for row in TABLE:
        for instance in range(row.count):
            for address in range(row.at(instance), row.at(instance) + row.width):
                assert address not in taken, f"{row.name} and {taken.get(address)} at {address}"
                taken[address] = row.name


@pytest.mark.parametrize(("range_v", "input_v"), [(10.0, 3.0), (10.0, -7.5), (1.0, 0.25), (0.1, 0.05), (0.01, -0.003)])
def test_reading_is_within_one_and_a_half_lsb(range_v: float, input_v: float) -> None:
    device = LabJackT7(SERIAL, lambda index: input_v + index)
    row = BY_NAME["AIN#_RANGE"]
    assert device.write(row.at(0), row.encode(range_v)) is None
    lsb_v = 2.0 * range_v / 65536
    readings = [_volts(device, 0) for _ in range(200)]
    assert all(abs(reading_v - input_v) <= lsb_v * 1.501 + 1e-7 * range_v for reading_v in readings)
    assert len(set(readings)) > 1, "the noise moves some readings"


def test_input_beyond_its_range_clips() -> None:
    device = LabJackT7(SERIAL, lambda index: 3.0 if index else -30.0)
    row = BY_NAME["AIN#_RANGE"]
    device.write(row.at(1), row.encode(1.0))
    assert _volts(device, 1) == pytest.approx(1.01, abs=1e-4)
    assert _volts(device, 0) == pytest.approx(-10.1, abs=1e-3)


@pytest.mark.parametrize("input_v", [math.nan, math.inf])
def test_input_that_is_no_number_reads_minus_9999(input_v: float) -> None:
    assert _volts(LabJackT7(SERIAL, lambda index: input_v), 0) == -9999.0


def test_range_is_the_smallest_that_covers() -> None:
    assert [range_for(v) for v in (10.0, 2.5, 1.0, 0.5, 0.1, 0.01, 0.001, 0.0)] == [
        10.0,
        10.0,
        1.0,
        1.0,
        0.1,
        0.01,
        0.01,
        10.0,
    ]
    for wrong in (10.5, math.nan, math.inf):
        with pytest.raises(ValueError):
            range_for(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("AIN#_RANGE", 11.0), ("DAC#", 5.5), ("DAC#", math.nan), ("STREAM_ENABLE", 1.0), ("SYSTEM_REBOOT", 1.0)],
)
def test_value_that_a_register_cannot_take(name: str, value: float) -> None:
    row = BY_NAME[name]
    device = LabJackT7(SERIAL, lambda index: 0.0)
    assert device.write(row.at(0), row.encode(value)) is ExceptionCode.ILLEGAL_VALUE


def test_digital_lines_agree_in_every_view() -> None:
    device = LabJackT7(SERIAL, lambda index: 0.0)
    dio, eio = BY_NAME["DIO#"], BY_NAME["EIO_STATE"]
    assert device.write(dio.at(9), b"\0\0") is None
    assert device.read(eio.at(), 1) == b"\0\xfd"
    assert device.read(BY_NAME["DIO_STATE"].at(), 2) == bytes.fromhex("007ffdff")
    assert device.read(BY_NAME["DIO_DIRECTION"].at(), 2) == bytes.fromhex("00000200")
    assert device.write(eio.at(), b"\0\x0f") is None
    assert device.read(dio.at(15), 1) == b"\0\0"


def test_family_reads_configured_inputs() -> None:
    async def main() -> None:
        volts = {0: 0.5, 3: 2.75}
        device = LabJackT7(SERIAL, lambda index: volts.get(index, 0.0))
        daq = await open_labjack_t7("daq", joined(device), serial=str(SERIAL))
        identity = await daq.identify()
        assert (identity.model, identity.serial) == ("T7", str(SERIAL))
        assert await daq.read() == {}
        await daq.configure({"AIN3": 10.0, "AIN0": 1.0})
        readings = await daq.read()
        assert readings["AIN3"] == pytest.approx(2.75, abs=4e-4)
        assert readings["AIN0"] == pytest.approx(0.5, abs=4e-5)
        with pytest.raises(LocalWireError, match="AIN14"):
            await daq.configure({"AIN14": 1.0})
        with pytest.raises(LocalWireError, match="no input range"):
            await daq.configure({"AIN1": 20.0})
        device.inject("ain_dead")
        with pytest.raises(RemoteWireError, match="no voltage"):
            await daq.read()
        device.inject("ain_dead", False)
        device.inject("silent")
        with pytest.raises(LinkTimeout):
            await daq.read()
        await daq.close()

    run_virtual(main())


def test_range_that_is_not_taken_is_noticed() -> None:
    class Stubborn(LabJackT7):
        def write(self, address: int, data: bytes) -> ExceptionCode | None:
            return None

    async def main() -> None:
        daq = await open_labjack_t7("daq", joined(Stubborn(SERIAL, lambda index: 0.0)), serial=SERIAL)
        with pytest.raises(InstrumentRefused, match="took the range 10 V instead of 1 V"):
            await daq.configure({"AIN0": 1.0})
        await daq.close()

    run_virtual(main())


def test_another_serial_number_is_the_wrong_instrument() -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="T7 469827626 where T7 1 belongs"):
            await open_labjack_t7("daq", joined(LabJackT7(SERIAL, lambda index: 0.0)), serial=1)

    run_virtual(main())
