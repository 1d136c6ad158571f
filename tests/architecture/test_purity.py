"""PURE folders import only what is on their list, and call nothing that reads a clock, a file or the network."""

import pytest

from tests.architecture.sources import calls, dotted, imported_modules, modules

STDLIB = frozenset(
    {
        "abc",
        "array",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "io",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "types",
        "typing",
        "zlib",
    }
)
"""What may be imported everywhere: nothing here reads a clock, starts a task or opens anything by itself."""

ALLOWED = {
    "controller/messages.py": {"msgspec"},
    "controller/rig/": {"controller.rig", "drivers.wire", "pint", "pydantic", "pydantic_core", "ruamel"},
    "controller/safety/": {"controller.safety"},
    "controller/sequencer/": {
        "controller.sequencer",
        "controller.safety",
        "controller.rig",
        "pydantic",
        "pydantic_core",
    },
    "controller/telemetry/alarm_rules.py": {"controller.rig", "controller.telemetry"},
    "controller/telemetry/alarms.py": set(),
    "controller/telemetry/frames.py": {"controller.messages"},
    "controller/telemetry/ring.py": {"controller.telemetry.frames"},
    "controller/telemetry/": {"controller.telemetry", "controller.messages", "controller.rig", "msgspec", "numpy"},
    "controller/bridges/topics.py": {"controller.messages", "controller.rig", "msgspec"},
    "controller/bridges/narrator.py": {
        "controller.bridges",
        "controller.messages",
        "controller.rig",
        "controller.telemetry",
        "msgspec",
    },
    "controller/bridges/outbox.py": {"controller.bridges", "controller.messages", "msgspec"},
    "controller/panel/addresses.py": set(),
    "controller/panel/live.py": {"controller.messages"},
    "controller/panel/viewer.py": {"controller.telemetry", "msgspec"},
    "controller/panel/stream.py": {"controller.messages", "controller.panel", "controller.telemetry"},
    "drivers/wire/": {"drivers.wire", "numpy"},
    "firmware_sim/plant/": {"firmware_sim.plant", "firmware_sim.signals", "numpy", "ruamel", "scipy"},
    "firmware_sim/plc/": {"drivers.wire", "firmware_sim.plc", "firmware_sim.signals", "ruamel"},
    "firmware_sim/personalities/": {
        "drivers.wire",
        "firmware_sim.personalities",
        "firmware_sim.plant",
        "firmware_sim.plc",
        "firmware_sim.sessions",
        "firmware_sim.signals",
        "numpy",
    },
    "firmware_sim/sessions/": {"drivers.wire", "firmware_sim.personalities", "firmware_sim.sessions"},
    "firmware_sim/signals.py": set(),
    "hil_rigs/": {"firmware_sim.plant", "firmware_sim.signals", "hil_rigs", "numpy", "ruamel", "scipy"},
}
"""Folder or file -> what it may import beside STDLIB (design.md section 3, PURE)."""

FORBIDDEN_CALLS = ("open", "print", "input", "exec", "eval", "breakpoint", "id", "hash")
FORBIDDEN_ENDINGS = (".now", ".utcnow", ".today", ".read_text", ".read_bytes", ".write_text", ".write_bytes")


def pure_files() -> list[tuple[str, str]]:
    return [(path, rule) for path in modules() for rule in ALLOWED if path == rule or path.startswith(rule)]


def allowed(name: str, rule: str) -> bool:
    if name.split(".")[0] in STDLIB:
        return True
    return any(name == entry or name.startswith(f"{entry}.") for entry in ALLOWED[rule])


@pytest.mark.parametrize("rule", sorted(ALLOWED))
def test_imports_are_on_the_list(rule: str) -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, found in pure_files()
        if found == rule
        for name, line in imported_modules(modules()[path])
        if not allowed(name, rule)
    ]
    assert wrong == []


@pytest.mark.parametrize("rule", sorted(ALLOWED))
def test_nothing_reads_the_world(rule: str) -> None:
    wrong = [
        f"{path}:{call.lineno}: {dotted(call.func)}"
        for path, found in pure_files()
        if found == rule
        for call in calls(modules()[path])
        if dotted(call.func) in FORBIDDEN_CALLS or dotted(call.func).endswith(FORBIDDEN_ENDINGS)
    ]
    assert wrong == []


def test_the_list_names_only_what_exists() -> None:
    covered = {rule for _, rule in pure_files()}
    assert covered == set(ALLOWED)
