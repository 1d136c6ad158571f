"""docs/reference/http.md tells every route, and its example answers are answers."""

import re
from pathlib import Path

import pytest

from controller.panel import schemas
from controller.panel.app import create_app
from controller.panel.routes.shots import LIMIT_DEFAULT, LIMIT_MAX
from controller.panel.train_schemas import TrainAnswer
from controller.panel.trains import CELLS_MAX, COLUMNS_DEFAULT, COLUMNS_MAX, ROWS_DEFAULT, ROWS_MAX
from controller.panel.waveforms import POINTS_DEFAULT, POINTS_MAX, POINTS_MIN
from tests.unit.panel.parts import make_parts

TEXT = (Path(__file__).parents[3] / "docs/reference/http.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([A-Z]+ [^`]+)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE))

EXAMPLES: dict[str, type[schemas.Answer]] = {
    "GET /api/v1/state": schemas.StateAnswer,
    "GET /api/v1/channels": schemas.ChannelsAnswer,
    "GET /api/v1/alarms": schemas.AlarmsAnswer,
    "GET /api/v1/rig": schemas.RigAnswer,
    "GET /api/v1/run": schemas.RunAnswer,
    "GET /api/v1/shots": schemas.ShotsAnswer,
    "GET /api/v1/shots/{number}": schemas.ShotDetailAnswer,
    "GET /api/v1/shots/{number}/waveforms/{channel}": schemas.WaveformAnswer,
    "GET /api/v1/shots/{number}/trains/{channel}": TrainAnswer,
    "GET /healthz": schemas.HealthAnswer,
    "POST /api/v1/abort": schemas.AbortAnswer,
}


def test_every_route_is_told(tmp_path: Path) -> None:
    parts = make_parts(tmp_path)
    paths = create_app(parts).openapi()["paths"]
    parts.shots.close()
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(SECTIONS)


@pytest.mark.parametrize("route", EXAMPLES)
def test_the_example_is_an_answer(route: str) -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", SECTIONS[route], re.DOTALL | re.MULTILINE)
    EXAMPLES[route].model_validate_json(example)


def test_the_limits_are_those_of_the_code() -> None:
    def spaced(number: int) -> str:
        return f"{number:_}".replace("_", " ") if number > 9999 else str(number)

    assert f"| {POINTS_MIN} to {spaced(POINTS_MAX)}, {POINTS_DEFAULT} unless told |" in TEXT
    assert f"| 1 to {LIMIT_MAX}, {LIMIT_DEFAULT} unless told |" in TEXT
    sizes = f"1 to {ROWS_MAX} and 2 to {COLUMNS_MAX}, {ROWS_DEFAULT} and {COLUMNS_DEFAULT} unless told"
    assert f"| {sizes}, together at most {spaced(CELLS_MAX)} cells |" in TEXT
