"""Every command, run as a user runs it, with its exit code and what it prints; on virtual time where there is a run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support import sparkgap

ROOT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 300
VIRTUAL = ("run", "full", "--rig", "railgun_bench", "--virtual")


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with one shot, and the result object of its run."""
    folder = tmp_path_factory.mktemp("shot")
    run = sparkgap(*VIRTUAL, "--out", "shots", "--json", "--junit", "junit.xml", "--tag", "first", cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert list(lines[0]) == ["pids", "instruments"]
    assert len(lines) == 2
    return folder, lines[-1]


def test_run_leaves_what_its_result_names(shot: tuple[Path, dict[str, object]]) -> None:
    folder, result = shot
    assert {"shot", "verdict", "ended", "record", "journal", "report", "exit"} <= set(result)
    assert (result["shot"], result["verdict"], result["ended"], result["exit"]) == (1, "pass", "completed", 0)
    for role in ("record", "journal", "report"):
        assert Path(str(result[role])).is_relative_to(folder / "shots")
        assert Path(str(result[role])).stat().st_size > 0
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    assert int(suite.attrib["tests"]) > 5


def test_shots_commands_read_it_back(shot: tuple[Path, dict[str, object]]) -> None:
    folder, _ = shot
    listed = sparkgap("shots", "list", "--out", "shots", "--tag", "first", "--json", cwd=folder)
    assert [entry["number"] for entry in json.loads(listed.stdout)] == [1]
    shown = sparkgap("shots", "show", "1", "--out", "shots", cwd=folder)
    assert "peak of the total current" in shown.stdout and "energy ledger" in shown.stdout
    verified = sparkgap("shots", "verify", "--out", "shots", cwd=folder)
    assert (verified.returncode, verified.stderr) == (0, "")
    reported = sparkgap("shots", "report", "1", "--to", "anew", "--out", "shots", cwd=folder)
    assert reported.stdout.split() == ["anew/report.html", "anew/sheet.html"]
    assert "peak of the total current" in (folder / "anew/report.html").read_text(encoding="utf-8")
    exported = sparkgap("shots", "export", "1", "csv", "--channel", "total_current", "--out", "shots", cwd=folder)
    assert exported.stdout.split() == ["csv/total_current.csv"]
    rows = (folder / "csv/total_current.csv").read_text(encoding="utf-8").splitlines()
    assert rows[2] == "t_s,value_A"
    values = [float(row.split(",")[1]) for row in rows[3:]]
    assert 62e3 < max(values) < 67e3


def test_a_moved_folder_is_read_and_a_changed_record_is_refused(
    shot: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder, result = shot
    moved = tmp_path / "shots"
    (folder / "shots").rename(moved)
    untouched = sparkgap("shots", "verify", "1", "--out", "shots", cwd=tmp_path)
    record = moved / Path(str(result["record"])).relative_to(folder / "shots")
    data = bytearray(record.read_bytes())
    data[len(data) // 2] ^= 1
    record.write_bytes(data)
    verified = sparkgap("shots", "verify", "1", "--out", "shots", cwd=tmp_path)
    moved.rename(folder / "shots")
    record = Path(str(result["record"]))
    data[len(data) // 2] ^= 1
    record.write_bytes(data)
    assert untouched.returncode == 0, untouched.stderr
    assert verified.returncode == 2
    assert "sha256" in verified.stderr and record.name in verified.stderr


def test_a_corrupt_catalogue_is_named_and_refused(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "catalogue.db").write_bytes(b"not a database" * 100)
    for arguments in (("shots", "list", "--out", "shots"), (*VIRTUAL, "--out", "shots")):
        refused = sparkgap(*arguments, cwd=tmp_path)
        assert refused.returncode == 2, refused.stderr
        assert "catalogue.db: " in refused.stderr and "Traceback" not in refused.stderr


def test_a_fault_trips_the_run_and_it_is_safe(tmp_path: Path) -> None:
    run = sparkgap(*VIRTUAL, "--out", "shots", "--fault", "plant.door_1_open@charge", "--json", cwd=tmp_path)
    result = json.loads(run.stdout.splitlines()[-1])
    assert run.returncode == result["exit"] == 3
    assert result["safe"].startswith("verified")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "voltage=9 kV"), "voltage"),
        (("--set", "voltage=3000"), "unit"),
        (("--set", "nothing=1 V"), "nothing"),
        (("--fault", "plant.nothing"), "plant.nothing"),
        (("--fault", "plant.door_1_open@launch"), "launch"),
        (("--junit", "no/such/folder.xml"), "--junit"),
        (("--out", "/proc/sparkgap"), "--out"),
        (("--out", "used"), "is used for something else"),
    ],
)
def test_refused_before_anything_opens(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("text", encoding="utf-8")
    run = sparkgap(*VIRTUAL, *arguments, cwd=tmp_path)
    assert run.returncode == 2, run.stdout + run.stderr
    assert message in run.stderr and "; " in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.rglob("*.nxs"))


def test_check_and_dry_run_predict_without_keeping_anything(tmp_path: Path) -> None:
    check = sparkgap("check", "full", "--rig", "railgun_bench", cwd=tmp_path)
    assert check.returncode == 0 and "ok   stored energy: 18 kJ" in check.stdout
    refused = sparkgap("check", "full", "--rig", "railgun_bench", "--set", "voltage=9 kV", cwd=tmp_path)
    assert refused.returncode == 2 and refused.stdout == ""
    dry = sparkgap("dry-run", "full", "--rig", "railgun_bench", cwd=tmp_path)
    assert dry.returncode == 0 and "total_current" in dry.stdout and "PASS  completed" in dry.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_there_is_to_choose_from(tmp_path: Path) -> None:
    assert sparkgap("rigs", cwd=tmp_path).stdout.split() == ["microwave_bench", "railgun_bench"]
    profiles = sparkgap("profiles", cwd=tmp_path).stdout
    assert all(kind in profiles for kind in ("full", "noise", "trigger-only", "dump-proof-a", "polarity", "dummy-load"))
    instruments = sparkgap("instruments", cwd=tmp_path).stdout
    assert all(name in instruments for name in ("plc", "charger", "delay_generator", "scope_1", "scope_2", "daq"))
    faults = json.loads(sparkgap("faults", "--json", cwd=tmp_path).stdout)
    assert {"plant.door_1_open", "scope_1.silent", "charger.nan"} <= set(faults)
    paths = json.loads(sparkgap("paths", "--json", cwd=tmp_path, SPARKGAP_HOME="/x").stdout)
    assert (paths["shots"], paths["logs"]) == ("/x", "/x/logs")
    assert Path(paths["site"]).is_file()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, tmp_path: Path) -> None:
    run = sparkgap("completion", shell, cwd=tmp_path)
    assert run.returncode == 0 and "_SPARKGAP_COMPLETE" in run.stdout


def test_the_shell_asks_for_commands_and_gets_them(tmp_path: Path) -> None:
    run = sparkgap(cwd=tmp_path, _SPARKGAP_COMPLETE="bash_complete", COMP_WORDS="sparkgap d", COMP_CWORD="1")
    assert run.stdout.split() == ["plain,demo", "plain,dry-run"]


def test_nobody_at_the_address_is_refused(tmp_path: Path) -> None:
    for resource in ("127.0.0.1:1", "nonsense", "TCPIP::127.0.0.1::1::SOCKET"):
        run = sparkgap("identify", resource, cwd=tmp_path)
        assert run.returncode == 2 and run.stderr.startswith(f"{resource}: ")
