"""A bench is one folder: tests/toy_bench, which nothing of the product knows, on real sockets."""

import json
from pathlib import Path

from tests.rig.running_sim import ask, running_sim
from tests.support import ROOT, sparkgap

TOY = str(ROOT / "tests" / "toy_bench")
SAID = ("--out", "made", "--junit", "verdicts.xml")


def test_a_shot_on_sockets_passes(tmp_path: Path) -> None:
    """Rig and core are processes of their own: both get the bench by its path."""
    run = sparkgap("run", "full", "--rig", TOY, "--sim", *SAID, "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    started, result = (json.loads(line) for line in run.stdout.splitlines())
    models = {name: entry["model"] for name, entry in started["instruments"].items()}
    assert models == {
        "plc": "Sparkgap rig PLC",
        "charger": "Technix CCR10KV-7.5KJ",
        "delay_generator": "Highland T560",
        "scope": "Rigol DS1074Z",
        "daq": "LabJack T7",
    }
    assert (result["verdict"], result["ended"], result["exit"]) == ("pass", "completed", 0)
    assert 'name="toy_bench/full"' in (tmp_path / "verdicts.xml").read_text(encoding="utf-8")
    listed = sparkgap("shots", "list", "--rig", "toy_bench", "--out", "made", cwd=tmp_path)
    assert listed.returncode == 0 and listed.stdout.count("pass") == 1, "the catalogue has its name, not its path"


def test_its_stand_ins_run_alone_and_a_lab_file_reaches_them(tmp_path: Path) -> None:
    with running_sim(TOY, cwd=tmp_path) as sim:
        assert sim.said["rig"] == "toy_bench"
        assert ask(sim.address("scope"), b"*IDN?\n").startswith(b"RIGOL TECHNOLOGIES,DS1074Z,DS1ZA000000077,")
        (tmp_path / "lab.yaml").write_text(sim.lab(), encoding="utf-8")
        run = sparkgap("run", "full", "--rig", TOY, "--lab", "lab.yaml", "--out", "made", "--json", cwd=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr
