"""Addresses of units on one serial line."""

import pytest

from controller.app.instruments import route_to
from drivers.transports.multidrop import Drop, SharedLine


def test_units_of_one_device_share_its_line() -> None:
    lines: dict[str, SharedLine] = {}
    first, second, other = (
        route_to("serial", address, lines) for address in ("/dev/ttyS0#6", "/dev/ttyS0#30", "/dev/ttyS1#6")
    )
    assert isinstance(first, Drop) and isinstance(second, Drop) and isinstance(other, Drop)
    assert (first.address, second.address, other.address) == (6, 30, 6)
    assert first.line is second.line is not other.line
    assert not isinstance(route_to("serial", "/dev/ttyS0", lines), Drop)


@pytest.mark.parametrize("address", ["/dev/ttyS0#", "/dev/ttyS0#six", "#6", "/dev/ttyS0#-1"])
def test_what_is_no_unit_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no unit"):
        route_to("serial", address)
