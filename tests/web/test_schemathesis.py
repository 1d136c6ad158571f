"""schemathesis over every operation, with real shots, a present and a core: no server error, answers as promised.

Deterministic and bounded. It is no replacement for the other tests: it does not know what the answers mean.
"""

import asyncio
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from controller.panel.app import create_app
from controller.panel.requests import CoreRequests
from tests.unit.panel.parts import FakeCore, attached, built, filled, make_parts
from tests.unit.panel.recorded_trains import store_trains
from tests.unit.shots.trains import train
from tests.web.recorded import FULL, QUICK, RIG, recorded_shots

EXAMPLES = 50
"""Per operation: enough to find what schemathesis finds here by itself (a lax number, a NUL in a text)."""

OPERATIONS = (
    "GET /api/v1/state",
    "GET /api/v1/channels",
    "GET /api/v1/alarms",
    "GET /api/v1/rig",
    "GET /api/v1/run",
    "GET /api/v1/shots",
    "GET /api/v1/shots/{number}",
    "GET /api/v1/shots/{number}/waveforms/{channel}",
    "GET /api/v1/shots/{number}/trains/{channel}",
    "GET /api/v1/shots/{number}/file",
    "GET /api/v1/shots/{number}/report",
    "GET /healthz",
    "GET /metrics",
    "POST /api/v1/abort",
)

ASKED = tuple(label for label in OPERATIONS if "/shots" in label)
"""Those with parameters, which can be wrong."""

REAL = (
    {"number": FULL, "channel": "total_current"},
    {"number": QUICK, "channel": "probe_a"},
    {"number": QUICK + 1, "channel": "cathode_voltage"},
)
"""What there is: by itself schemathesis would hardly ever ask for it."""

HOST = {"host": "127.0.0.1"}

START_S = 10.0
"""A core that only answers aborts starts in milliseconds."""


@pytest.fixture(scope="module")
def core() -> Iterator[CoreRequests]:
    """A core on a loop of its own: schemathesis calls the application from outside of any loop."""
    started, made = threading.Event(), {}

    async def serve() -> None:
        made["stop"], made["loop"] = asyncio.Event(), asyncio.get_running_loop()
        async with FakeCore().running() as fake:
            made["requests"] = attached(fake)
            started.set()
            await made["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="fake core")
    thread.start()
    assert started.wait(START_S)
    yield made["requests"]
    made["loop"].call_soon_threadsafe(made["stop"].set)
    thread.join(START_S)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory, core: CoreRequests) -> Iterator[Any]:
    out = tmp_path_factory.mktemp("copied") / "shots"
    shutil.copytree(recorded_shots(tmp_path_factory), out)
    store_trains(out, RIG, (train(20),))
    # a present that lies ahead never grows old, however long this takes
    parts = make_parts(out, live=filled(1e9), requests=core, static=built(tmp_path_factory.mktemp("static") / "page"))
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(parts), headers=HOST)
    parts.shots.close()


def test_every_operation_of_the_schema_is_tested(schema: Any) -> None:
    assert {result.ok().label for result in schema.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, GenerationMode.POSITIVE) for label in OPERATIONS] + [(label, GenerationMode.NEGATIVE) for label in ASKED],
    ids=lambda value: str(getattr(value, "value", value)),
)
def test_no_operation_fails_whatever_it_is_asked(label: str, mode: GenerationMode, schema: Any) -> None:
    method, path = label.split()
    statuses: Counter[int] = Counter()
    # no schema can say that ``from`` must not lie after ``to``, nor how large rows times points may be
    excluded = [positive_data_acceptance] if "waveforms" in path or "trains" in path else []

    @given(case=schema[path][method].as_strategy(generation_mode=mode), real=st.sampled_from((None, *REAL)))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case, real: Mapping[str, object] | None) -> None:
        if real is not None and mode is GenerationMode.POSITIVE:
            case.path_parameters.update({name: real[name] for name in case.path_parameters})
        answer = case.call_and_validate(headers=HOST, excluded_checks=excluded)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500

    ask()
    success = 202 if method == "POST" else 200
    assert mode is GenerationMode.NEGATIVE or statuses[success] > 0, statuses
