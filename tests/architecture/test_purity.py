"""PURE folders import only what is on their list, and call nothing that reads a clock, a file or the network."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import calls, dotted, modules

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
        "fnmatch",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "html",
        "io",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "shlex",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "zlib",
    }
)
"""What may be imported everywhere: nothing here reads a clock, starts a task or opens anything by itself."""

CAMPAIGN = {
    "controller.app.faultspec",
    *(
        f"controller.campaign.{name}"
        for name in (
            *("cells", "choice", "evidence", "judge_run", "parts", "hazard_types", "hazard_rows_bench"),
            *("hazard_rows_control", "hazard_rows_links", "hazard_rows_run", "hazard_rows_shot"),
            *("hazards", "html_style", "model", "profiles", "real_table", "summary", "words"),
        )
    ),
}
"""What the pure part of a campaign knows: its own pure modules, and how a fault's place is written."""

RECORDED = {
    "base64.b64encode",
    "controller.sequencer.verdict",
    "msgspec",
    "numpy",
    *(
        f"controller.shots.{name}"
        for name in (
            *(
                "conditioning_sections",
                "decimate",
                "document",
                "fits",
                "html",
                "measure",
                "model",
                "numbers",
                "picture",
                "plot",
                "pulses",
            ),
            *("quantities", "sections", "signals", "sweep_sections", "train_sections", "units", "waterfall"),
        )
    ),
}
"""What the pure part of a record's evaluation knows: itself, and arrays."""

IMPORT_READERS = ("csv_text", "isf", "trace")
"""Readers of other programs' traces that need nothing but arrays."""

ALLOWED = {
    "controller/app/faultspec.py": {"controller.rig.source"},
    **{
        f"controller/campaign/{name}.py": CAMPAIGN
        for name in ("cells", "hazard_types", "hazards", "hazards_page", "parts")
    },
    "controller/campaign/choice.py": {*CAMPAIGN, "controller.rig.source"},
    "controller/campaign/hazard_rows_": CAMPAIGN,
    "controller/campaign/html.py": CAMPAIGN,
    "controller/campaign/html_style.py": set(),
    # what a trial saw is plain data, but lies beside the code that ran it: the class alone is allowed
    **{
        f"controller/campaign/{n}.py": {*CAMPAIGN, "controller.app.trial.Trial"}
        for n in ("evidence", "judge", "judge_run")
    },
    "controller/campaign/judge_real.py": {
        *CAMPAIGN,
        "controller.app.plc_reader.ARMED",
        "controller.campaign.trial_bench.Trial",
        "controller.campaign.witness.Sight",
        "controller.shots.journal",
    },
    "controller/campaign/junit.py": {*CAMPAIGN, "xml.etree"},
    "controller/campaign/matrix.py": {*CAMPAIGN, "rich.console.Console", "rich.console.RenderableType", "rich.text"},
    **{f"controller/campaign/{name}.py": CAMPAIGN for name in ("model", "profiles", "real_table", "summary", "words")},
    "controller/messages.py": {"msgspec"},
    "controller/runtime/facts.py": {
        "controller.runtime.situation.Situation",
        "controller.runtime.situation.path_names",
    },
    "controller/runtime/pulse_tally.py": {"drivers.wire"},
    "controller/runtime/run_values.py": {
        *("controller.messages", "controller.rig", "controller.runtime.situation", "controller.telemetry"),
        "drivers.wire",
    },
    "controller/runtime/orders.py": {
        "controller.sequencer.plan",
        "drivers.wire.plc",
        "drivers.wire.plc_arguments",
        "drivers.wire.plc_run",
    },
    **{f"{name.replace('.', '/')}.py": RECORDED for name in sorted(RECORDED) if name.startswith("controller.shots.")},
    "controller/rig/": {"controller.rig", "drivers.wire", "pint", "pydantic", "pydantic_core", "ruamel"},
    "controller/safety/": {"controller.safety"},
    "controller/sequencer/": {
        "controller.sequencer",
        "controller.safety",
        "controller.rig",
        "drivers.wire.segments",
        "pydantic",
        "pydantic_core",
    },
    **{f"controller/shots/imports/{name}.py": {*RECORDED, "controller.shots.imports.trace"} for name in IMPORT_READERS},
    # what a file may be is chosen by the end of its name; TDMS is read by npTDMS, from bytes
    "controller/shots/imports/formats.py": {"controller.shots.imports", "pathlib.PurePath"},
    "controller/shots/imports/trc.py": {*RECORDED, "controller.shots.imports.trace", "drivers.wire.wavedesc"},
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
    "controller/panel/live_answers.py": {
        "controller.messages",
        "controller.panel.live",
        "controller.panel.schemas",
        "controller.rig",
        "controller.telemetry",
        "msgspec",
    },
    "controller/panel/shot_answers.py": {
        "controller.panel.live_answers",
        "controller.panel.schemas",
        "controller.panel.shot_reader.ChannelStretch",
        "controller.panel.shot_reader.ShotDetail",
        "controller.panel.waveforms",
        "controller.shots.catalogue.ShotEntry",
        "controller.shots.model",
        "controller.shots.summary.Summary",
    },
    "controller/panel/waveforms.py": RECORDED,
    "controller/panel/trains.py": {
        *RECORDED,
        "controller.panel.live_answers.finite",
        "controller.panel.train_schemas",
    },
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
    "firmware_sim/link_faults.py": {
        "firmware_sim.old_answers",
        "firmware_sim.sessions",
        "firmware_sim.signals",
        "firmware_sim.wire_faults",
    },
    "firmware_sim/old_answers.py": {"firmware_sim.wire_faults"},
    "firmware_sim/wire_faults.py": {"firmware_sim.sessions"},
    "firmware_sim/signals.py": set(),
    "hil_rigs/": {"firmware_sim.plant", "firmware_sim.signals", "hil_rigs", "numpy", "ruamel", "scipy"},
}
"""Folder, file or beginning of a path -> what it may import beside STDLIB: modules, or single names of one."""

FORBIDDEN_CALLS = ("open", "print", "input", "exec", "eval", "breakpoint", "id", "hash")
FORBIDDEN_ENDINGS = (".now", ".utcnow", ".today", ".read_text", ".read_bytes", ".write_text", ".write_bytes")


def pure_files() -> list[tuple[str, str]]:
    return [(path, rule) for path in modules() for rule in ALLOWED if path == rule or path.startswith(rule)]


def full_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """What a file imports, with its line: modules by ``import``, single names by ``from ... import``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def is_allowed(name: str, rule: str) -> bool:
    if name.split(".")[0] in STDLIB:
        return True
    return any(name == entry or name.startswith(f"{entry}.") for entry in ALLOWED[rule])


@pytest.mark.parametrize("rule", sorted(ALLOWED))
def test_imports_are_on_the_list(rule: str) -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, found in pure_files()
        if found == rule
        for name, line in full_names(modules()[path])
        if not is_allowed(name, rule)
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


def test_whatever_calls_itself_pure_is_on_the_list() -> None:
    covered = {path for path, _ in pure_files()}
    claimed = {path for path, tree in modules().items() if (ast.get_docstring(tree) or "").startswith("PURE")}
    assert claimed - covered == set()


@pytest.mark.parametrize(
    ("line", "rule", "allowed"),
    [
        ("from controller.app.trial import Trial", "controller/campaign/judge.py", True),
        ("from controller.app.trial import run_trial", "controller/campaign/judge.py", False),
        ("import controller.app.trial", "controller/campaign/judge.py", False),
        ("from controller.campaign import pool", "controller/campaign/cells.py", False),
        ("import time", "controller/campaign/summary.py", False),
        ("from pathlib import Path", "controller/campaign/model.py", False),
        ("from controller.campaign import model", "controller/campaign/cells.py", True),
    ],
)
def test_the_test_sees_what_it_is_for(line: str, rule: str, allowed: bool) -> None:
    assert all(is_allowed(name, rule) for name, _ in full_names(ast.parse(line))) is allowed
