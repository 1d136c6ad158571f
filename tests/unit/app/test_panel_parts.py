"""What stands between a bridge that breaks and the page."""

import asyncio
import logging

import pytest

from controller.app import panel


class BrokenBridge:
    """Breaks twice, then ends as one that was asked to."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs < 3:
            raise ZeroDivisionError("a defect of the bridge")


async def test_a_bridge_that_breaks_is_logged_and_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(panel, "BRIDGE_BACKOFF_S", 0.0)
    bridge = BrokenBridge()
    async with asyncio.timeout(10.0):
        await panel.keep_bridge(bridge)  # type: ignore[arg-type]
    assert bridge.runs == 3
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == ["the MQTT bridge broke"] * 2


async def test_without_a_broker_there_is_nothing_to_keep() -> None:
    async with asyncio.timeout(10.0):
        await panel.keep_bridge(None)


def test_what_raises_beside_the_page_is_switched_off_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[int] = []

    def take(value: int) -> None:
        taken.append(value)
        if value == 2:
            raise ZeroDivisionError("a defect of the metrics")

    pass_on = panel.shielded("metrics", take)
    with caplog.at_level(logging.ERROR):
        for value in (1, 2, 3):
            pass_on(value)
    assert taken == [1, 2]
    assert [record.getMessage() for record in caplog.records] == ["metrics is switched off"]
