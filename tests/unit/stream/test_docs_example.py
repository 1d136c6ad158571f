"""The viewer in docs/reference/stream.md, as it stands there, against the real thing."""

import asyncio
import re
import sys
from pathlib import Path

from controller.messages import Event
from tests.unit.stream.fakes import hello
from tests.unit.stream.test_websocket import PATIENCE_S, Panel

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "stream.md"


async def test_it_prints_what_is_sent_and_goes_on_after_a_break(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    viewer = tmp_path / "viewer.py"
    viewer.write_text(code.replace("time.sleep(1)", "time.sleep(0.01)"), encoding="utf-8")
    async with Panel().serving() as panel:
        panel.publish(2)
        url = f"ws://127.0.0.1:{panel.port}/api/v1/stream"
        process = await asyncio.create_subprocess_exec(sys.executable, viewer, url, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None

        async def line() -> str:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                return (await process.stdout.readline()).decode().rstrip()

        try:
            assert [await line(), await line()] == ["1 0.02 1.0 2.0", "2 0.04 2.0 3.0"]
            panel.publish()
            assert await line() == "3 0.06 3.0 4.0"
            panel.take(Event(1, "plc", "info", "hello there"))
            assert "'hello there'" in await line()
            panel.stream._viewers[0].port.close(1012, "a break")
            panel.publish(2)
            said = [await line() for _ in range(3)]
            assert said[0].startswith("not connected: ")
            assert said[1:] == ["4 0.08 4.0 5.0", "5 0.10 5.0 6.0"]
            panel.take(hello("watch-1"))
            panel.publish()
            assert await line() == "6 0.12 6.0 7.0"
        finally:
            process.kill()
            await process.wait()
        await panel.stream.until(viewers=0)
