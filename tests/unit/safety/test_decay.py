"""How long the bleeders need: the formula, and that what is not known is taken to be as high as it can be."""

import math

import pytest

from controller.safety.decay import Bleeding, time_to_safe_s, wait_text

BANK = Bleeding(tau_s=105.0, top_v=3100.0, safe_v=50.0)
TOP_S = 105.0 * math.log(62.0)


@pytest.mark.parametrize(
    ("voltages_v", "start_v"),
    [
        ((3000.0, 2990.0, 100.0), 3000.0),
        ((51.0,), 51.0),
        ((50.0, 12.0), 3100.0),  # reads safe, and nobody could prove it
        ((0.0, -3.0), 3100.0),
        ((3500.0,), 3100.0),  # the comparator does not let it be
        ((1000.0, math.nan), 3100.0),
        ((math.inf, 10.0), 3100.0),
        ((), 3100.0),
    ],
)
def test_the_slowest_module_decides(voltages_v: tuple[float, ...], start_v: float) -> None:
    seconds, start = time_to_safe_s(BANK, voltages_v)
    assert start == start_v
    assert seconds == pytest.approx(105.0 * math.log(start_v / 50.0))
    assert 0.0 < seconds <= TOP_S


def test_the_text_rounds_up_and_promises_nothing() -> None:
    text = wait_text(BANK, (3000.0,))
    assert text == (  # 105 s ln 60 = 429.9 s
        "from 3000 V the bleeders alone need 7 min 10 s to 50 V, "
        "if they are whole: that proves nothing, ground it by hand"
    )
