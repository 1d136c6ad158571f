"""Bad profiles, options and rig files on the command line: exit 2, the whole message, nothing opened or created."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app import locate
from controller.cli.entry import invoke

ROOT = Path(__file__).parents[2]
RIG = "railgun_bench"
FULL = (ROOT / "configs/profiles" / RIG / "full.yaml").read_text(encoding="utf-8")

FORM = re.compile(r"[^:]+(:[1-9][0-9]*)?: ([^:;]+: )?[^;]+; .+")
"""``file:line: field: problem; what would be right`` (design.md 4); a whole file or option has no line."""

QUICK_S = 3.0
"""A person waits no longer for a refusal; a hostile file read whole would take minutes."""

Refuse = Callable[..., list[str]]


@pytest.fixture
def refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Runs a command line that must be refused and returns its lines on standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> list[str]:
        before = sorted(tmp_path.rglob("*"))
        code = invoke(arguments)
        out, err = capsys.readouterr()
        assert code == 2, out + err
        assert out == ""
        assert "Traceback" not in err
        assert sorted(tmp_path.rglob("*")) == before, "something was created"
        lines = err.splitlines()
        assert lines and all(FORM.fullmatch(line) for line in lines), err
        return lines

    return run


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "bad.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def edit(old: str, new: str) -> str:
    """The full profile with one thing changed."""
    assert FULL.count(old) == 1, f"{old!r} must stand in the full profile once"
    return FULL.replace(old, new)


RATE = "rate: 250 V/s"
WANTED = "write a charging rate, for example 250 V/s"
PROFILES: dict[str, tuple[str | bytes, str]] = {
    "missing unit": (edit(RATE, "rate: 250"), f":17: charge.rate: the number 250 has no unit; {WANTED}"),
    "wrong unit": (edit(RATE, "rate: 250 ms"), f":17: charge.rate: '250 ms' is a time, not a charging rate; {WANTED}"),
    "unknown unit": (edit(RATE, "rate: 250 KV/s"), ":17: charge.rate: unknown unit 'KV/s'; write kV/s, not KV/s"),
    "decimal comma": (
        edit(RATE, "rate: 250,5 V/s"),
        ":17: charge.rate: '250,5 V/s' has a decimal comma; write 250.5 V/s, not 250,5 V/s",
    ),
    "decimal comma in braces": (
        edit("{step: warn, timeout: 5 s}", "{step: warn, timeout: 5,5 s}"),
        ":59: steps[3].5 s: unknown key; write a decimal point, not a comma",
    ),
    "not a number": (edit(RATE, "rate: .nan"), f":17: charge.rate: 'nan' is not a finite number; {WANTED}"),
    "not a number with unit": (
        edit(RATE, "rate: nan V/s"),
        f":17: charge.rate: 'nan V/s' is not a finite number; {WANTED}",
    ),
    "infinite": (edit(RATE, "rate: 1e999 V/s"), f":17: charge.rate: '1e999 V/s' is not a finite number; {WANTED}"),
    "negative": (
        edit(RATE, "rate: -250 V/s"),
        ":17: charge.rate: '-250 V/s' is negative; write a charging rate of zero or more, for example 250 V/s",
    ),
    "unknown key": (edit(RATE, "rat: 250 V/s"), ":17: charge.rat: unknown key; did you mean rate?"),
    "duplicate key": (
        edit(RATE, f"{RATE}\n  rate: 200 V/s"),
        ":18: charge.rate: duplicate key, first given on line 17; keep one of them",
    ),
    "missing key": (edit("kind: full\n", ""), ":2: kind: is missing; add `kind: ...`"),
    "empty": ("", ": the file is empty; see configs/ for an example"),
    "only a comment": (
        "# nothing\n",
        ":1: the file holds no mapping at its top level; write `key: value` lines; see configs/ for an example",
    ),
    "not UTF-8": (edit("Full shot", "Schuß").encode("latin-1"), ":4: byte 0xdf is not UTF-8; save the file as UTF-8"),
    "binary": (
        b"\x00\x01\x02" * 100,
        ": not valid YAML: unacceptable character #x0000: special characters are not allowed; "
        "save the file as plain text",
    ),
    "not YAML": (
        edit("modules: [1, 2, 3, 4]", "modules: [1, 2"),
        ":10: not valid YAML: expected ',' or ']', but got ':'; "
        "check the indentation, colons and brackets of this line and the one before",
    ),
    "nested without end": ("a: " + "[" * 5000, ":1: nested deeper than 24 levels; flatten the file"),
    "alias bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        ":5: the file expands to more than 20000 values; remove the nested aliases",
    ),
    "code in a tag": (
        edit("title: Full shot at 3 kV", "title: !!python/object/apply:os.system [ls]"),
        ":4: tag tag:yaml.org,2002:python/object/apply:os.system is not allowed; "
        "remove the tag; quote the value to make it text",
    ),
    "outside the rig's limits": (
        edit(RATE, "rate: 260 V/s"),
        ":17: charge.rate: charge rate of 260 V/s is more than the allowed 250 V/s; write at most 250 V/s",
    ),
    "a module that is not there": (
        edit("modules: [1, 2, 3, 4]", "modules: [1, 2, 3, 4, 5]"),
        ":8: modules[4]: the rig has no module 5; write 1 to 4",
    ),
    "for another rig": (
        edit(f"rig: {RIG}", "rig: microwave_bench"),
        ":3: rig: the profile is for microwave_bench, not for railgun_bench; run it with --rig microwave_bench",
    ),
    "newer": (
        edit("profile: 1\n", "profile: 2\n"),
        ":2: profile: version 2 is newer than version 1, the newest this Sparkgap reads; update Sparkgap",
    ),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_bad_profile_is_refused_at_its_line(case: str, refuse: Refuse, tmp_path: Path) -> None:
    text, message = PROFILES[case]
    path = write(tmp_path, text)
    lines = refuse("run", str(path), "--rig", RIG, "--out", "shots")
    assert f"{path}{message}" in lines


def test_energy_above_the_rating_is_refused_with_every_limit_it_breaks(refuse: Refuse, tmp_path: Path) -> None:
    path = write(tmp_path, edit("default: 3.0 kV, min: 1.0 kV, max: 3.0 kV", "default: 3.2 kV, min: 1 kV, max: 3.2 kV"))
    assert refuse("run", str(path), "--rig", RIG, "--out", "shots") == [
        f"{path}:16: charge.voltage: charge voltage of 3.2 kV is more than the allowed 3 kV; write at most 3 kV",
        f"{path}:16: charge.voltage: stored energy of 20.48 kJ is more than the allowed 18.5 kJ; "
        "lower the voltage or use fewer modules",
        f"{path}:17: charge.rate: voltage when a dead controller is noticed of 3.328 kV is more than the allowed "
        "3.3 kV; charge more slowly (safety.md 3.2)",
        f"{path}:17: charge.rate: voltage when the contactor has opened of 3.213 kV is more than the allowed 3.1 kV; "
        "charge more slowly (safety.md 3.2)",
    ]


@pytest.mark.parametrize("command", [("run", "--out", "shots"), ("run", "--virtual"), ("check",), ("dry-run",)])
def test_every_command_that_reads_a_profile_refuses_alike(
    command: tuple[str, ...], refuse: Refuse, tmp_path: Path
) -> None:
    path = write(tmp_path, edit(RATE, "rate: 250"))
    lines = refuse(command[0], str(path), "--rig", RIG, *command[1:])
    assert lines == [f"{path}:17: charge.rate: the number 250 has no unit; {WANTED}"]


def test_a_100_mb_file_is_refused_without_reading_it(refuse: Refuse, tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with open(path, "wb") as file:
        file.truncate(100 << 20)
    began = time.perf_counter()
    lines = refuse("run", str(path), "--rig", RIG, "--out", "shots")
    assert time.perf_counter() - began < QUICK_S
    assert lines == [f"{path}: the file is larger than 1048576 bytes; a configuration file is a few kilobytes"]


def test_an_alias_bomb_is_refused_quickly(refuse: Refuse, tmp_path: Path) -> None:
    path = write(tmp_path, PROFILES["alias bomb"][0])
    began = time.perf_counter()
    refuse("check", str(path), "--rig", RIG)
    assert time.perf_counter() - began < QUICK_S


OPTIONS = {
    "unknown --set": (
        ("--set", "voltag=2 kV"),
        "--set: voltag: the profile has no such parameter; did you mean voltage?",
    ),
    "--set without a unit": (
        ("--set", "voltage=2000"),
        "--set: voltage: the number 2000 has no unit; write a voltage, for example 2000 V",
    ),
    "--set with a comma": (
        ("--set", "voltage=2,5 kV"),
        "--set: voltage: '2,5 kV' has a decimal comma; write 2.5 kV, not 2,5 kV",
    ),
    "--set out of range": (
        ("--set", "voltage=-2 kV"),
        "--set: voltage: -2 kV is outside the range of the parameter; write 1 kV to 3 kV",
    ),
    "--set nan": (
        ("--set", "voltage=nan kV"),
        "--set: voltage: 'nan kV' is not a finite number; write a voltage, for example 3.0 kV",
    ),
    "unwritable --out": (
        ("--out", "/proc/sparkgap"),
        "--out /proc/sparkgap: cannot be written: No such file or directory; name another folder",
    ),
    "--out is a file": (("--out", "file"), "--out {cwd}/file: is a file; name a folder"),
    "used --out": (
        ("--out", "used"),
        "--out {cwd}/used: is used for something else ('thesis.tex' is in it); "
        "name an empty or new folder, or one with earlier shots",
    ),
    "--junit in no folder": (
        ("--junit", "no/such/junit.xml"),
        "--junit: no/such/junit.xml: its folder does not exist; name a file in a folder that does",
    ),
    "--junit is a folder": (("--junit", "used"), "--junit: used: is a folder; name a file"),
    "unknown --fault": (
        ("--fault", "scope_1.silnt"),
        "--fault: scope_1.silnt: there is no fault 'scope_1.silnt'; did you mean scope_1.silent?",
    ),
    "a load that is not there": (
        ("--load", "cannon"),
        "--load: cannon: the rig has no such load; use one of launcher, dummy_load, none",
    ),
    "two words as a tag": (("--tag", "a b"), "--tag: 'a b' is not one word; write one word, as in `good-contact`"),
    "an operator in Latin-1": (
        ("--operator", "J\udcf6rg"),
        "--operator: 'J\\udcf6rg' holds a character that cannot be kept; write one line of plain text",
    ),
    "unreadable --lab": (
        ("--lab", "lab.yaml"),
        "lab.yaml: cannot be read: No such file or directory; check path and rights",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_bad_option_is_refused(case: str, refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("x", encoding="utf-8")
    arguments, message = OPTIONS[case]
    assert refuse("run", "full", "--rig", RIG, *arguments) == [message.format(cwd=tmp_path)]


USAGE = {
    "no such command": (("rnu",), "sparkgap: No such command 'rnu'; see `sparkgap --help`"),
    "no such option": (
        ("run", "full", "--rig", RIG, "--vitrual"),
        "sparkgap run: No such option '--vitrual'. Did you mean '--virtual'?; see `sparkgap run --help`",
    ),
    "no rig": (("check", "full"), "sparkgap check: Missing option '--rig'; see `sparkgap check --help`"),
    "a seed that is no number": (
        ("run", "full", "--rig", RIG, "--seed", "x"),
        "sparkgap run: Invalid value for '--seed': 'x' is not a valid integer range; see `sparkgap run --help`",
    ),
    "half a --set": (
        ("run", "full", "--rig", RIG, "--set", "voltage"),
        "sparkgap run: Invalid value for '--set': 'voltage' is not a name and a value; write NAME=VALUE",
    ),
    "--set twice": (
        ("run", "full", "--rig", RIG, "--set", "voltage=1 kV", "--set", "voltage=2 kV"),
        "sparkgap run: Invalid value for '--set': 'voltage' is given twice; give it once",
    ),
    "--lab and --fault": (
        ("run", "full", "--rig", RIG, "--lab", "lab.yaml", "--fault", "plant.estop"),
        "sparkgap run: --fault works with stand-ins only; leave --lab or --fault out",
    ),
}


@pytest.mark.parametrize("case", USAGE)
def test_a_command_line_that_is_none_is_refused_in_one_line(case: str, refuse: Refuse) -> None:
    arguments, message = USAGE[case]
    assert refuse(*arguments) == [message]


def test_unknown_names_are_refused_with_those_there_are(refuse: Refuse) -> None:
    (line,) = refuse("run", "full", "--rig", "railgun")
    assert line.startswith("--rig: there is no rig called 'railgun'; known rigs: ")
    assert line.endswith(f"{RIG}; or give the path of a bench's folder")
    lines = refuse("run", "ful", "--rig", RIG)
    assert lines[0].startswith("ful: there is no such profile; shipped profiles of railgun_bench: dummy-load, ")
    assert refuse("check", "gone.yaml", "--rig", RIG) == [
        "gone.yaml: there is no such file; give a profile's path or shipped name"
    ]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bench's folder that the command line uses instead of the shipped one."""
    benches = tmp_path / "benches"
    shutil.copytree(ROOT / "hil_rigs" / RIG, benches / RIG, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(locate, "_BENCHES", benches)
    return benches / RIG


BENCHES = {
    "looser voltage limit": (
        ("plc.yaml", "target_max_v: 3000.0", "target_max_v: 3050.0"),
        ("plc.yaml", "bank.target_max_v: 3.05 kV is looser than the 3 kV of {rig} (bank.max_voltage)"),
        "write at most 3000",
    ),
    "looser watchdog": (
        ("plc.yaml", "watchdog_s: 0.5", "watchdog_s: 0.75"),
        ("plc.yaml", "times.watchdog_s: 750 ms is looser than the 500 ms of {rig} (limits.watchdog)"),
        "write at most 0.5",
    ),
    "shorter horn": (
        ("plc.yaml", "horn_s: 1.0", "horn_s: 0.2"),
        ("plc.yaml", "times.horn_s: 200 ms is looser than the 1 s of {rig} (limits.warn)"),
        "write at least 1",
    ),
    "a limit that is not a number": (
        ("plc.yaml", "overvoltage_v: 3100.0", "overvoltage_v: .nan"),
        ("plc.yaml", "bank.overvoltage_v: 'nan' is not a number of zero or more"),
        "write at most 3100 (bank.overvoltage of {rig})",
    ),
    "newer rig": (
        ("rig.yaml", "rig: 1\n", "rig: 2\n"),
        ("rig.yaml", "rig: version 2 is newer than version 1, the newest this Sparkgap reads"),
        "update Sparkgap",
    ),
    "a rig without units": (
        ("rig.yaml", "energy: 18.5 kJ", "energy: 18500"),
        ("rig.yaml", "limits.energy: the number 18500 has no unit"),
        "write an energy, for example 18500 J",
    ),
}


@pytest.mark.parametrize("case", BENCHES)
def test_a_bad_bench_is_refused(case: str, bench: Path, refuse: Refuse) -> None:
    (name, old, new), (blamed, problem), remedy = BENCHES[case]
    path = bench / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    rig = bench / "rig.yaml"
    expected = f"{bench / blamed}:{line}: {problem.format(rig=rig)}; {remedy.format(rig=rig)}"
    assert refuse("run", "full", "--rig", RIG, "--out", "shots") == [expected]


LABS = {
    "no port": (
        '"192.168.10.30:502"',
        "daq.lab",
        ":11: instruments.daq.modbus: 'daq.lab' is not host:port; write for example 192.168.10.21:502",
    ),
    "unknown transport": (
        "scope_2: {socket:",
        "scope_2: {gpib:",
        ":10: instruments.scope_2.gpib: 'gpib' is not known here; use one of socket, hislip, vxi11, serial, modbus,"
        " visa",
    ),
    "unknown instrument": (
        "  daq:",
        "  scope_3: {socket: scope:5025}\n  daq:",
        ":11: instruments.scope_3: the rig has no such instrument; did you mean scope_2?",
    ),
    "no address": (
        "  charger: {serial: /dev/ttyUSB0} ",
        "#",
        ":5: instruments.charger: has no serial address; write `charger: {serial: ...}`",
    ),
    "for another rig": (
        f"rig: {RIG}",
        "rig: microwave_bench",
        ":4: rig: the addresses are those of microwave_bench, not of railgun_bench; give the lab file of railgun_bench",
    ),
    "newer": (
        "lab: 1",
        "lab: 2",
        ":3: lab: version 2 is newer than version 1, the newest this Sparkgap reads; update Sparkgap",
    ),
}


@pytest.mark.parametrize("case", LABS)
def test_a_bad_lab_file_is_refused(case: str, refuse: Refuse, tmp_path: Path) -> None:
    old, new, message = LABS[case]
    text = (ROOT / "hil_rigs" / RIG / "lab.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = write(tmp_path, text.replace(old, new))
    assert refuse("run", "noise", "--rig", RIG, "--lab", str(path), "--out", "shots") == [f"{path}{message}"]
