"""Which site file counts, and when a browser is opened."""

import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from controller.app.locate import SITE_VARIABLE, configs_dir, find_site
from controller.cli import page
from controller.rig.source import Refused


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(SITE_VARIABLE, raising=False)
    return tmp_path


def test_the_named_file_counts_before_the_environments_before_the_folders_before_the_shipped_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_site() == configs_dir() / "site.yaml"
    (here / "configs").mkdir()
    for name in ("configs/site.yaml", "environment.yaml", "named.yaml"):
        (here / name).write_text("site: 1\nname: lab\n", encoding="utf-8")
    assert find_site() == here / "configs" / "site.yaml"
    monkeypatch.setenv(SITE_VARIABLE, "environment.yaml")
    assert find_site() == here / "environment.yaml"
    assert find_site("named.yaml") == here / "named.yaml"


def test_a_file_that_was_named_and_is_not_there_is_refused_whoever_named_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match=r"--site: none\.yaml: there is no such file"):
        find_site("none.yaml")
    monkeypatch.setenv(SITE_VARIABLE, "none.yaml")
    with pytest.raises(Refused, match=r"\$SPARKGAP_SITE: none\.yaml: there is no such file"):
        find_site()


class Opener:
    """Stands for the desktop's program, and notes how it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.called = threading.Event()
        self.options: dict[str, Any] = {}
        monkeypatch.setattr(page.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(page.subprocess, "run", self._run)
        for name in page.DISPLAYS:
            monkeypatch.delenv(name, raising=False)

    def _run(self, command: list[str], **options: Any) -> None:
        self.options = {"command": command, **options}
        self.called.set()


def test_a_browser_is_opened_on_a_display_and_away_from_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    opener = Opener(monkeypatch)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(page.sys, "platform", "linux")
    assert page.open_browser("http://127.0.0.1:1")
    assert opener.called.wait(10.0)
    assert opener.options["command"] == ["/usr/bin/xdg-open", "http://127.0.0.1:1"]
    assert opener.options["start_new_session"] and opener.options["stdin"] is subprocess.DEVNULL


def test_without_a_display_no_browser_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opener = Opener(monkeypatch)
    monkeypatch.setattr(page.sys, "platform", "linux")
    assert not page.open_browser("http://127.0.0.1:1")
    assert not opener.called.is_set()
