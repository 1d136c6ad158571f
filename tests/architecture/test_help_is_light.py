"""``sparkgap --help`` imports none of the heavy packages, and its command table is true."""

import json
import subprocess
import sys

import click
import pytest

from controller.cli.entry import COMMANDS, group
from controller.cli.shots import COMMANDS as SHOTS
from controller.cli.shots import group as shots

HEAVY = ("numpy", "scipy", "h5py", "pint", "pydantic", "fastapi", "sqlalchemy", "rich", "msgspec", "asyncio", "ruamel")

PROBE = """
import json, sys
from controller.cli.entry import invoke
code = invoke(sys.argv[1:])
print(json.dumps([code, sorted(m for m in sys.modules if "." not in m)]))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["shots", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    code, loaded = json.loads(run.stdout.splitlines()[-1])
    assert code == 0
    assert set(loaded) & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("parent", "name"), [(group, name) for name in COMMANDS] + [(shots, name) for name in SHOTS], ids=str
)
def test_every_listed_command_exists_under_its_name(parent: click.Group, name: str) -> None:
    with click.Context(parent) as context:
        command = parent.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.help
