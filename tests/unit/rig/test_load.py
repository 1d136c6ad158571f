# ruff: noqa: E501 - the messages are compared as whole lines
"""rig.yaml of the railgun bench loads, and every way to break it or the PLC's file is refused by file and line."""

import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.rig import Refused, Rig, load_rig
from controller.rig.lab import load_lab
from drivers.wire.plc import RUN_TRIPS, Trip

FOLDER = Path(__file__).parents[3] / "hil_rigs" / "railgun_bench"
RIG = (FOLDER / "rig.yaml").read_bytes()
PLC = (FOLDER / "plc.yaml").read_bytes()


def line_of(data: bytes, text: str, nth: int = 1) -> int:
    """The 1-based line of the nth occurrence of ``text``."""
    return [n for n, line in enumerate(data.decode().splitlines(), 1) if text in line][nth - 1]


def rig() -> Rig:
    return load_rig(RIG, "rig.yaml", PLC, "plc.yaml")


def refusal(data: bytes, plc: bytes = PLC) -> str:
    with pytest.raises(Refused) as caught:
        load_rig(data, "rig.yaml", plc, "plc.yaml")
    return str(caught.value)


def test_the_bank_is_that_of_bench_md():
    bank = rig().bank
    assert (bank.modules, bank.full_mask, bank.module_capacitance_f) == (4, 0b1111, 1e-3)
    assert bank.energy_j(3000.0, 0b1111) == pytest.approx(18000.0)
    assert bank.energy_j(3000.0, 0b0011) == pytest.approx(9000.0)
    assert bank.v_safe_v(0b1111) == 50.0
    assert bank.dump_tau_s("both") == pytest.approx(0.1, rel=2e-3)
    assert bank.dump_tau_s("a") == pytest.approx(0.2, rel=3e-3)


def test_v_safe_follows_the_energy_of_a_large_bank():
    from dataclasses import replace

    large = replace(rig().bank, module_capacitance_f=25e-3)
    assert large.v_safe_v(0b1111) == pytest.approx(math.sqrt(2 * 10 / 0.1))


def test_instruments_and_channels_are_wired_as_in_bench_md():
    bench = rig()
    assert [i.name for i in bench.instruments] == ["plc", "charger", "delay_generator", "scope_1", "scope_2", "daq"]
    assert [c.name for c in bench.channels_of("scope_1")] == [f"module_{n}_current" for n in (1, 2, 3, 4)]
    assert [c.name for c in bench.channels_of("scope_2")] == [
        "total_current",
        "bus_voltage",
        "muzzle_voltage",
        "b_dot",
    ]
    assert [bench.channel("probe_b_daq").input, bench.instrument("daq").role] == ["AIN0", "safety"]
    with pytest.raises(KeyError):
        bench.channel("nothing")


def test_a_calibration_chain_multiplies_adds_and_combines():
    channel = rig().channel("module_2_current")
    assert channel.scale == 10_000.0
    assert channel.delay_s == pytest.approx(52e-9)
    assert channel.delay_uncertainty_s == pytest.approx(math.hypot(5e-9, 1e-9))
    assert channel.uncertainty == pytest.approx(0.01)
    assert channel.overdue(date(2027, 6, 30)) == ()
    assert [part.serial for part in channel.overdue(date(2027, 7, 1))] == ["ROG-12"]


def test_the_chains_undo_the_sensors_of_the_plant():
    from hil_rigs.railgun_bench.plant import parse

    probes = parse((FOLDER / "plant.yaml").read_text(encoding="utf-8")).probes
    bench = rig()
    scoped = [*bench.channels_of("scope_1"), *bench.channels_of("scope_2")]
    for channel in scoped:
        probe = probes[channel.name]
        assert channel.scale * probe.volts_per_unit == pytest.approx(1.0), channel.name
        assert abs(channel.delay_s - probe.delay_s) <= channel.delay_uncertainty_s, channel.name


def test_every_trip_of_the_plc_has_guidance():
    bench = rig()
    causes = [trip for trip in Trip if trip not in RUN_TRIPS]
    assert sorted(i.plc_trip for i in bench.interlocks) == sorted(trip.name or "" for trip in causes)
    assert all(bench.interlock(trip.name or "") is not None for trip in causes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rated_voltage: 3.3 kV", "rated_voltage: 3,3 kV", "bank.rated_voltage: '3,3 kV' has a decimal comma; write 3.3 kV, not 3,3 kV"),
        ("overvoltage: 3.1 kV", "overvoltage: 3100", "bank.overvoltage: the number 3100 has no unit; write a voltage, for example 3100 V"),
        ("overvoltage: 3.1 kV", "overvoltage: 2.9 kV", "bank.max_voltage: 3 kV is not below overvoltage (2.9 kV); write less than 2.9 kV"),
        ("  dump: 200 ohm", "  dumps: 200 ohm", "bank.dumps: unknown key; did you mean dump?"),
        ("rig_id: 1", "rig_id: one", "rig_id: 'one' is not accepted; write a whole number"),
        ("rig: 1", "rig: 2", "rig: version 2 is newer than version 1, the newest this Sparkgap reads; update Sparkgap"),
        ("instrument: delay_generator", "instrument: delays", "trigger.instrument: there is no instrument 'delays'; use one of plc, charger, delay_generator, scope_1, scope_2, daq"),
        ("pairs: [AB, CD, EF, GH]", "pairs: [AB, CD, EF]", "trigger.pairs: 3 output pairs for 4 modules; list one output pair per module"),
        ("input: CHAN2", "input: CHAN1", "channels.module_2_current.input: scope_1 CHAN1 is already used by module_1_current; give every channel its own input"),
        ("full_scale: 50 kA", "full_scale: 50 kV", "channels.module_1_current.full_scale: is in V, but the channel is in A; write a value above zero in A"),
        ("full_scale: 50 kA", "full_scale: 5 MA", "channels.module_1_current.full_scale: full scale is 500 V at the input, more than its largest range of 40 V; use an attenuator or a smaller full scale"),
        ("factor: 10 kA/V", "factor: 1000", "channels.module_1_current.chain: the factors give V/V, but the channel is in A; give exactly one part a factor in A/V"),
        ("due: 2027-06-30", "due: 2027-02-30", "channels.module_1_current.chain[0].due: '2027-02-30' is not a date; write YYYY-MM-DD"),
        ("role: safety", "role: vital", "instruments.plc.role: 'vital' is not known here; use one of safety, required, optional"),
        ("charge_rate: 250 V/s", "charge_rate: 900 V/s", "bank.charge_rate: a dead controller is noticed 459 V late, the rating is closer to max_voltage; charge more slowly or shorten the watchdog (safety.md 3.2, blind rule)"),
        ("energy: 18.5 kJ", "energy: 17 kJ", "limits.energy: 17 kJ is less than the bank stores at max_voltage (18 kJ); lower max_voltage or raise the rating"),
    ],
)  # fmt: skip
def test_a_bad_rig_is_refused_with_the_exact_line(old: str, new: str, message: str):
    assert old.encode() in RIG
    data = RIG.replace(old.encode(), new.encode(), 1)
    found = {line.partition(": ")[2]: int(line.split(":")[1]) for line in refusal(data).splitlines()}
    assert message in found, found
    key = message.partition(":")[0].rpartition(".")[2]
    line = data.decode().splitlines()[found[message] - 1]
    assert f"{key}:" in line or "{" in line, line


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("overvoltage_v: 3100.0", "overvoltage_v: 3200.0", "overvoltage_v", "bank.overvoltage_v: 3.2 kV is looser than the 3.1 kV of rig.yaml (bank.overvoltage); write at most 3100"),
        ("target_max_v: 3000.0", "target_max_v: 3050.0", "target_max_v", "bank.target_max_v: 3.05 kV is looser than the 3 kV of rig.yaml (bank.max_voltage); write at most 3000"),
        ("watchdog_s: 0.5", "watchdog_s: 2.0", "watchdog_s", "times.watchdog_s: 2 s is looser than the 500 ms of rig.yaml (limits.watchdog); write at most 0.5"),
        ("dwell_taus: 5.0", "dwell_taus: 1.0", "dwell_taus", "times.dwell_taus: 1 is looser than the 5 of rig.yaml (limits.dwell_taus); write at least 5"),
        ("dump_ohm: 200.0", "dump_ohm: 300.0", "dump_ohm", "bank.dump_ohm: 300 ohm differs from the 200 ohm of rig.yaml (bank.dump); write 200"),
        ("watchdog_s: 0.5", "watchdog_s: .nan", "watchdog_s", "times.watchdog_s: 'nan' is not a number of zero or more; write at most 0.5 (limits.watchdog of rig.yaml)"),
    ],
)  # fmt: skip
def test_plc_limits_looser_than_the_rig_are_refused(old: str, new: str, key: str, message: str):
    data = PLC.replace(old.encode(), new.encode(), 1)
    assert refusal(RIG, data) == f"plc.yaml:{line_of(data, key)}: {message}"


def test_a_stricter_plc_is_accepted_and_remembered():
    stricter = load_rig(RIG, "rig.yaml", PLC.replace(b"overvoltage_v: 3100.0", b"overvoltage_v: 3050.0"), "plc.yaml")
    assert stricter.plc_limits["bank.overvoltage_v"] == 3050.0


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, RIG.count(b"\n") - 1), st.sampled_from(["drop", "x1000", "no unit", "negative"]))
def test_a_damaged_rig_is_loaded_or_refused_by_line(number: int, damage: str):
    lines = RIG.decode().splitlines()
    line = lines[number]
    key, _, value = line.partition(": ")
    replacements = {
        "drop": [],
        "x1000": [line.replace(": ", ": 1000", 1)],
        "no unit": [f"{key}: {value.split(' ')[0]}"],
        "negative": [f"{key}: -{value}"],
    }
    lines[number : number + 1] = replacements[damage]
    try:
        load_rig("\n".join(lines).encode(), "rig.yaml", PLC, "plc.yaml")
    except Refused as refused:
        assert all(problem.file in ("rig.yaml", "plc.yaml") and problem.line > 0 for problem in refused.problems)


def test_lab_addresses():
    found = load_lab((FOLDER / "lab.yaml").read_bytes(), "lab.yaml", rig())
    assert set(found) == {i.name for i in rig().instruments}
    assert found["charger"] == {"serial": "/dev/ttyUSB0"}
    with pytest.raises(Refused) as caught:
        load_lab(b"lab: 1\nrig: r\ninstruments:\n  plc: {modbus: nowhere}\n  daq: {usb: x}\n", "lab.yaml", rig())
    assert str(caught.value).startswith("lab.yaml:5: instruments.daq.usb: 'usb' is not known here")


@pytest.mark.parametrize(
    ("transport", "address"),
    [
        ("vxi11", "192.168.10.22"),
        ("vxi11", "scope-2.lab:1024"),
        ("hislip", "192.168.10.22:4880"),
        ("visa", "GPIB0::7::INSTR"),
        ("visa", "USB0::0x2A8D::0x1766::MY1234::INSTR@py"),
    ],
)
def test_real_hardware_may_have_another_cable(transport: str, address: str):
    text = (FOLDER / "lab.yaml").read_text()
    text = text.replace('scope_2: {socket: "192.168.10.22:5025"}', f'scope_2: {{{transport}: "{address}"}}')
    assert load_lab(text.encode(), "lab.yaml", rig())["scope_2"] == {transport: address}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'daq: {modbus: "192.168.10.30:502"}',
            "daq: {modbus: nowhere}",
            ":11: instruments.daq.modbus: 'nowhere' is not host:port; write for example 192.168.10.21:502",
        ),
        ("daq:", "daqs:", ":11: instruments.daqs: the rig has no such instrument; did you mean daq?"),
        ("scope_2: {socket:", "scope_2: {modbus:", ":10: instruments.scope_2: has no socket address"),
        (
            'scope_2: {socket: "192.168.10.22:5025"}',
            'scope_2: {hislip: "192.168.10.22:4880", vxi11: 192.168.10.22}',
            ":10: instruments.scope_2: has no socket address",
        ),
        (
            'scope_2: {socket: "192.168.10.22:5025"}',
            "scope_2: {hislip: 192.168.10.22}",
            ":10: instruments.scope_2.hislip: '192.168.10.22' is not host:port; write for example 192.168.10.21:4880",
        ),
        (
            'scope_2: {socket: "192.168.10.22:5025"}',
            'scope_2: {vxi11: "192.168.10.22:"}',
            ":10: instruments.scope_2.vxi11: '192.168.10.22:' is neither a host nor host:port; write the host alone",
        ),
        (
            'scope_2: {socket: "192.168.10.22:5025"}',
            'scope_2: {socket: "TCPIP::192.168.10.22::inst0::INSTR"}',
            ":10: instruments.scope_2.socket: 'TCPIP::192.168.10.22::inst0::INSTR' is a VISA resource, not an address of"
            " socket; write visa: TCPIP::192.168.10.22::inst0::INSTR",
        ),
        (
            'scope_2: {socket: "192.168.10.22:5025"}',
            'scope_2: {visa: "TCPIP::192.168.10.22::5025::SOCKET"}',
            ":10: instruments.scope_2.visa: 'TCPIP::192.168.10.22::5025::SOCKET' is a raw socket, on which PyVISA takes"
            " late answers for the next one; write socket: 192.168.10.22:5025",
        ),
        ("rig: railgun_bench", "rig: other", ":4: rig: the addresses are those of other, not of railgun_bench"),
    ],
)
def test_lab_addresses_fit_the_rig(old: str, new: str, message: str):
    text = (FOLDER / "lab.yaml").read_text()
    assert text.count(old) == 1
    with pytest.raises(Refused) as caught:
        load_lab(text.replace(old, new).encode(), "lab.yaml", rig())
    assert str(caught.value).startswith(f"lab.yaml{message}")
