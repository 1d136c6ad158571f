"""What is refused before anything opens, beside the files' own contents: names, folders, faults."""

from pathlib import Path

import pytest

from controller.app.folder_lock import FolderLock
from controller.app.locate import find_profile, profile_names, rig_names
from controller.app.preflight import prepare, prepare_out, read_bounded
from controller.messages import RunConfig
from controller.rig.source import Refused

RIG = "railgun_bench"


def refusal(work: object, *arguments: object) -> str:
    assert callable(work)
    with pytest.raises(Refused) as caught:
        work(*arguments)
    return str(caught.value)


def test_the_shipped_benches_and_profiles_are_found() -> None:
    assert RIG in rig_names()
    assert {"full", "noise", "trigger-only", "polarity", "dummy-load"} <= set(profile_names(RIG))
    assert find_profile("full", RIG).name == "full.yaml"


def test_unknown_names_say_what_there_is() -> None:
    assert "shipped profiles of railgun_bench: " in refusal(find_profile, "ful", RIG)
    assert "nothing.yaml: there is no such file" in refusal(find_profile, "nothing.yaml", RIG)
    assert "known rigs: " in refusal(prepare, RunConfig(rig="nope", profile_path="full", out="x"))


def test_an_out_folder_that_is_a_file_or_somebody_elses_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert refusal(prepare_out, file) == f"--out {file}: is a file; name a folder"
    used = tmp_path / "used"
    used.mkdir()
    (used / "thesis.tex").write_text("x")
    assert "is used for something else ('thesis.tex' is in it)" in refusal(prepare_out, used)
    assert "cannot be written" in refusal(prepare_out, Path("/proc/nothing/here"))


def test_a_new_folder_and_one_with_earlier_shots_are_taken(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    assert prepare_out(out) == out
    (out / "catalogue.db").write_bytes(b"")
    (out / "000001-full").mkdir()
    assert prepare_out(out) == out


def test_faults_are_for_stand_ins_only(tmp_path: Path) -> None:
    config = RunConfig(rig=RIG, profile_path="full", out=str(tmp_path / "o"), faults=("plant.estop",), lab="lab.yaml")
    assert "cannot be used with --lab" in refusal(prepare, config, {"plant.estop": ""})


def test_a_huge_file_is_never_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with open(huge, "wb") as file:
        file.truncate(200 << 20)
    assert len(read_bounded(huge)) == (1 << 20) + 1


def test_one_controller_per_folder(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    assert "another controller is using it" in refusal(FolderLock, tmp_path)
    first.release()
    FolderLock(tmp_path).release()
