"""``sparkgap campaign``: choices, refusals, exit codes, files, and Ctrl-C in the middle."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from controller.cli import campaign_run
from controller.cli.entry import invoke
from tests.campaign import campaign_child

ROOT = Path(__file__).parents[2]


def inline(job: Any, crew: Any, on_result: Callable[[Any], None], stopped: Callable[[], bool]) -> bool:
    """In place of the pool, where only the choice matters."""
    for task in job.tasks:
        on_result(job.run(task))
    return True


def campaign(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    """Exit code, lines of standard output, lines of standard error."""
    code = invoke(["campaign", *words])
    said = capfd.readouterr()
    return code, said.out.splitlines(), said.err.splitlines()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    campaign_child.patch(monkeypatch.setattr, "judged")
    return monkeypatch


def test_failures_give_exit_code_1_and_all_reports(
    fakes: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    html, junit, out = tmp_path / "c.html", tmp_path / "c.xml", tmp_path / "failed"
    words = ("--workers", "2", "--html", str(html), "--junit", str(junit), "--out", str(out), "--seed", "7")
    code, lines, errors = campaign(capfd, "railgun_bench", *words)
    assert code == 1
    assert errors[0] == "cells to run: 45"
    assert sum(line.startswith("FAILED 01.slow/full/fire:") for line in errors) == 3
    assert "    sparkgap campaign railgun_bench --only 01.slow/full/fire:during --seed 7" in lines
    assert any(line.startswith("FAILED  45 cells: 24 passed, 3 failed, 18 not applicable") for line in lines)
    assert f"written {html}" in lines and f"written {junit}" in lines
    assert f"failed cells left their files in {out}" in lines
    assert html.read_text().startswith("<!doctype html>")
    assert ElementTree.parse(junit).getroot().get("failures") == "3"
    assert sorted(path.name for path in out.iterdir()) == [
        f"01.slow_full_fire_{phase}" for phase in ("after", "before", "during")
    ]
    kept = json.loads((out / "01.slow_full_fire_after" / "result.json").read_text())
    assert kept["status"] == "failed" and kept["replay"].endswith("--only 01.slow/full/fire:after --seed 7")


def test_a_replay_line_runs_its_cell_alone(fakes: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    fakes.setattr(campaign_run, "_run", inline)
    code, lines, _ = campaign(
        capfd, "railgun_bench", "--only", "01.slow/full/fire:during", "--seed", "7", "--json", "--workers", "1"
    )
    said = json.loads("\n".join(lines))
    assert code == 1
    assert [cell["id"] for cell in said["cells"]] == ["01.slow/full/fire:during"]
    assert (said["n"], said["failures"], said["n/a"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--row", "7"), 15),
        (("--profile", "full", "--row", "01"), 18),
        (("--only", "*/noise/*:after", "--only", "07.*charge:before"), 7),
        (("--subset",), 7),
    ],
)
def test_choices(
    fakes: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], count: int
) -> None:
    campaign_child.patch(fakes.setattr, "passing")
    fakes.setattr(campaign_run, "_run", inline)
    code, lines, _ = campaign(capfd, "railgun_bench", *words, "--json", "--workers", "1")
    assert code == 0
    assert json.loads(lines[0])["n"] == count


REFUSALS = [
    (("nowhere",), "--rig: there is no rig called 'nowhere'; known rigs: "),
    (("railgun_bench", "--profile", "ful"), "ful: there is no such profile; shipped profiles of"),
    (("railgun_bench", "--row", "99"), "--row: 99: there is no such row of the hazard table; rows: "),
    (("railgun_bench", "--row", "37"), "--row: 37: row 37 (Somebody without rights) is due later: accounts and roles;"),
    (("railgun_bench", "--only", "41.*"), "--only: 41.*: row 41 (A profile edited after its approval) is due later:"),
    (("railgun_bench", "--row", "7", "--only", "01.*"), "--only: 01.*: fits no cell of the chosen rows; leave --row"),
    (("railgun_bench", "--only", "nonsense"), "--only: nonsense: fits no cell; ids look like "),
    (("railgun_bench", "--html", "nowhere/x.html"), "--html: nowhere/x.html: its folder does not exist; name a file"),
    (("railgun_bench", "--junit", "."), "--junit: .: is a folder; name a file"),
    (("railgun_bench", "--hours", "3"), "sparkgap campaign: --hours, --shots and --seeds are for --healthy"),
    (("railgun_bench", "--healthy", "--row", "1"), "sparkgap campaign: --row and --subset choose faults, --healthy"),
    (("railgun_bench", "--healthy", "--junit", "x"), "sparkgap campaign: --html, --junit and --out are about cells"),
    (("railgun_bench", "--dask", "tcp://x:1", "--workers", "2"), "sparkgap campaign: --workers and --nice are for"),
    (("nowhere", "--healthy"), "--rig: there is no rig called 'nowhere'; known rigs: "),
    (("railgun_bench", "--healthy", "--only", "healthy/x"), "--only: healthy/x: fits no stint; ids of stints go"),
    (("railgun_bench", "--healthy", "--profile", "ful"), "ful: there is no such profile; shipped profiles of"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "begins"), REFUSALS)
def test_refusals_say_what_would_be_right(
    capfd: pytest.CaptureFixture[str], words: tuple[str, ...], begins: str
) -> None:
    code, lines, errors = campaign(capfd, *words)
    assert (code, lines) == (2, [])
    assert len(errors) == 1
    assert errors[0].startswith(begins)


def test_a_near_miss_of_an_id_names_what_was_meant(
    fakes: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = campaign(capfd, "railgun_bench", "--only", "01.slow/full/fire")
    assert code == 2
    assert "fits no cell; did you mean 01.slow/full/fire:" in errors[0]


def test_a_row_without_cells_says_what_it_waits_for(
    fakes: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = campaign(capfd, "railgun_bench", "--row", "32")
    assert code == 2
    assert errors == [
        "--row: 32: row 32 (Logins) is due later: issue 6: logins are not built yet; "
        "there is nothing to run before that is built"
    ]


def test_ctrl_c_ends_it_at_once_prints_what_came_and_leaves_no_process(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    os.mkfifo(marks)
    environment = os.environ | {campaign_child.MARK: str(marks), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.campaign.campaign_child", "slow", "campaign", "railgun_bench"]
    child = subprocess.Popen(
        [*command, "--workers", "2"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with open(os.open(marks, os.O_RDWR), encoding="ascii") as begun:  # also a writer: two cells come one by one
            workers = [int(begun.readline()) for _ in range(2)]
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 3
    lines = out.splitlines()
    assert any(line.startswith("STOPPED  ") and " of 45 cells" in line for line in lines)
    assert lines[-1].startswith("stopped by SIGINT: ")
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    assert [path.name for path in tmp_path.iterdir()] == ["marks"]
