"""The catalogue on a real PostgreSQL server, started here on a free port under an account without rights."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.shots.catalogue import Catalogue, CatalogueMissing, CatalogueUnusable
from tests.support import require_tool
from tests.unit.shots.catalogue_contract import exercise_catalogue

START_TIMEOUT_S = 60
"""initdb and the first start take a few seconds; a loaded machine may need ten times that."""

SERVER_ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: as root the first of these accounts is taken."""


def as_server_account(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    runuser = shutil.which("runuser")
    assert runuser is not None, "runuser (util-linux) is needed to start PostgreSQL as root"
    return [runuser, "-u", server_account(), "--", *command]


def server_account() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in SERVER_ACCOUNTS if name in known)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A fresh server in a folder of its own; stopped and removed afterwards."""
    programs = Path(require_tool("postgres")).parent
    folder = Path(tempfile.mkdtemp(prefix="sparkgap-pg-"))
    data, port = folder / "data", free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, server_account())

    def run(*command: str) -> None:
        subprocess.run(
            as_server_account(list(command)),
            check=True,
            timeout=START_TIMEOUT_S,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    control = str(programs / "pg_ctl")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", "sparkgap", "-A", "trust", "-E", "UTF8", "--no-sync")
        run(
            control,
            "-D",
            str(data),
            "-w",
            "-t",
            str(START_TIMEOUT_S),
            "-l",
            str(folder / "log"),
            "-o",
            options,
            "start",
        )
        try:
            yield f"postgresql://sparkgap@127.0.0.1:{port}/postgres"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_contract_on_postgresql(server_url: str) -> None:
    catalogue = Catalogue.open(server_url)
    exercise_catalogue(catalogue)
    catalogue.close()
    again = Catalogue.open(server_url)
    assert again.reserve_number("railgun_bench", "") == 4
    again.close()


def test_looking_only_changes_nothing_on_postgresql(server_url: str) -> None:
    """Another database of the same server: without tables it is no catalogue yet, and stays without."""
    empty = server_url.replace("/postgres", "/template1")
    for _ in range(2):
        with pytest.raises(CatalogueMissing, match="no catalogue of shots here"):
            Catalogue.open_readonly(empty)
    Catalogue.open(server_url).close()
    looking = Catalogue.open_readonly(server_url)
    before = [entry.number for entry in looking.list()]
    with pytest.raises(CatalogueUnusable, match="read-only transaction"):
        looking.reserve_number("railgun_bench", "")
    assert [entry.number for entry in looking.list()] == before
    looking.close()


def test_a_refused_connection_names_the_address_without_the_password() -> None:
    with pytest.raises(CatalogueUnusable, match="the server refused") as caught:
        Catalogue.open(f"postgresql://sparkgap:secret@127.0.0.1:{free_port()}/postgres")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
