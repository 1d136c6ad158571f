"""The command line itself: usage errors, contradictions, faults' grammar, the first reason to stop, logs."""

import json
import logging
from pathlib import Path

import pytest

from controller.app.faultspec import FaultSpec, Phase, check_faults, due, parse_fault
from controller.app.logs import LOG_BYTES_MAX, LOG_FILES_KEPT, configure_logs
from controller.cli.entry import invoke
from controller.cli.stop import StopRequest
from controller.rig.source import Refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run", "full"], "Missing option '--rig'"),
        (["run", "full", "--rig", "r", "--lab", "x", "--sim"], "--lab and --sim exclude each other"),
        (["run", "full", "--rig", "r", "--lab", "x", "--fault", "a"], "--fault works with stand-ins only"),
        (["run", "full", "--rig", "r", "--lab", "x", "--virtual"], "does not run on virtual time"),
        (["run", "full", "--rig", "r", "--set", "v"], "'v' is not a name and a value; write NAME=VALUE"),
        (["run", "full", "--rig", "r", "--set", "v=1", "--set", "v=2"], "'v' is given twice"),
        (["run", "full", "--rig", "r", "--seed", "-1"], "-1 is not in the range"),
        (["run", "full", "--rig", "nowhere"], "there is no rig called 'nowhere'; known rigs:"),
        (["run", "nothing", "--rig", "railgun_bench"], "nothing: there is no such profile; shipped profiles of"),
        (["run", "gone.yaml", "--rig", "railgun_bench"], "gone.yaml: there is no such file; give a profile's path"),
        (["sim"], "name a bench or an --instrument, not both"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["shots", "list", "--out", "/nonexistent"], "/nonexistent: there is no catalogue of shots here"),
    ],
)
def test_refused_with_exit_2_and_one_clear_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_an_internal_error_is_exit_5_with_its_traceback_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> None:
        raise RuntimeError("boom")

    monkeypatch.setenv("SPARKGAP_HOME", str(tmp_path))
    monkeypatch.setattr("controller.app.locate.rig_names", explode)
    assert invoke(["rigs"]) == 5
    message = capsys.readouterr().err
    log = tmp_path / "logs" / "cli.jsonl"
    assert message.splitlines() == ["sparkgap: internal error: RuntimeError: boom", f"log: {log}"]
    line = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    assert line["level"] == "error" and "RuntimeError: boom" in line["traceback"]
    close_logs()


def close_logs() -> None:
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, logging.handlers.RotatingFileHandler)]:
        root.removeHandler(handler)
        handler.close()


def test_logs_are_json_lines_and_rotate(tmp_path: Path) -> None:
    path = configure_logs("core", tmp_path)
    log = logging.getLogger("sparkgap.test")
    log.info("charge to %d V\nnow", 3000)
    handler = next(h for h in logging.getLogger().handlers if isinstance(h, logging.handlers.RotatingFileHandler))
    assert (handler.maxBytes, handler.backupCount) == (LOG_BYTES_MAX, LOG_FILES_KEPT) == (10_000_000, 5)
    close_logs()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["text"] == "charge to 3000 V\nnow"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("plant.door_1_open", FaultSpec("plant.door_1_open")),
        ("scope_1.silent@fire", FaultSpec("scope_1.silent", "fire", Phase.DURING)),
        ("scope_1.silent@fire:after", FaultSpec("scope_1.silent", "fire", Phase.AFTER)),
    ],
)
def test_faults_are_read(text: str, spec: FaultSpec) -> None:
    assert parse_fault(text) == spec


@pytest.mark.parametrize("text", ["", "@fire", "a@", "a@fire:", "a@fire:late"])
def test_bad_faults_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        check_faults((text,), {"a": ""}, ("fire",))


def test_unknown_faults_and_steps_say_what_would_be_right() -> None:
    with pytest.raises(Refused) as refused:
        check_faults(("x.silent", "scope_1.silent@launch"), {"scope_1.silent": ""}, ("charge", "fire"))
    assert [str(problem) for problem in refused.value.problems] == [
        "--fault: x.silent: there is no fault 'x.silent'; did you mean scope_1.silent?",
        "--fault: scope_1.silent@launch: the profile has no step 'launch'; steps: charge, fire",
    ]


def test_faults_are_due_at_their_phase_only() -> None:
    specs = tuple(FaultSpec("a", "fire", phase) for phase in Phase)
    assert [(spec.phase, delay_s) for spec, delay_s in due(specs, "fire", "enter")] == [
        (Phase.BEFORE, 0.0),
        (Phase.DURING, 0.15),
    ]
    assert [spec.phase for spec, _ in due(specs, "fire", "done")] == [Phase.AFTER]
    assert due(specs, "charge", "enter") == ()


def test_the_first_reason_to_stop_is_the_reason() -> None:
    heard: list[str] = []
    stop = StopRequest()
    stop("SIGINT")
    stop.listen(heard.append)
    stop("SIGTERM")
    assert (stop.reason, heard) == ("SIGINT", ["SIGINT"])
