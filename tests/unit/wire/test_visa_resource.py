"""Which VISA resource strings PyVISA is trusted with, and what to write instead of the others."""

import pytest

from drivers.wire.visa import BadResource, check_resource, split_library


@pytest.mark.parametrize(
    "resource",
    [
        "GPIB0::7::INSTR",
        "gpib::7",
        "GPIB0::7::2::INSTR",
        "USB0::0x2A8D::0x1766::MY1234::INSTR",
        "USB::1234::5678::A22-5::0::INSTR",
        "TCPIP::192.168.10.21::INSTR",
        "TCPIP0::scope-1.lab::inst0::INSTR",
        "TCPIP::127.0.0.1,1024::inst0::INSTR",
        "TCPIP::gateway::gpib0,7::INSTR",
    ],
)
def test_what_pyvisa_opens(resource: str) -> None:
    check_resource(resource)
    assert split_library(resource) == (resource, "")


@pytest.mark.parametrize(
    ("resource", "remedy"),
    [
        ("TCPIP::192.168.10.21::5025::SOCKET", "socket: 192.168.10.21:5025"),  # T1 T2 T3 T4
        ("tcpip0::h::5025::socket", "socket: h:5025"),
        ("ASRL/dev/ttyUSB0::INSTR", "serial: /dev/ttyUSB0"),  # T4 T9 T10
        ("ASRLsocket://h:5::INSTR", "serial: /dev/ttyUSB0"),
        ("TCPIP::h::hislip0::INSTR", "hislip: h:4880"),  # T6 T8
        ("TCPIP::h::hislip0,4881::INSTR", "hislip: h:4881"),
        ("GPIB0::INTFC", "for example GPIB0::7::INSTR"),
        ("VXI0::MEMACC", "for example GPIB0::7::INSTR"),
        ("scope", "for example GPIB0::7::INSTR"),
        ("", "for example GPIB0::7::INSTR"),
        ("GPIB0::7::INSTR@", "GPIB0::7::INSTR@py or GPIB0::7::INSTR@ivi"),
    ],
)
def test_what_it_is_not_to_open(resource: str, remedy: str) -> None:
    with pytest.raises(BadResource) as caught:
        split_library(resource)
    assert caught.value.remedy.startswith(remedy)
    assert resource.rstrip("@") in str(caught.value)


def test_the_library_behind_the_resource() -> None:
    assert split_library("GPIB0::7::INSTR@py") == ("GPIB0::7::INSTR", "@py")
    assert split_library("GPIB0::7::INSTR@some/bench.yaml@sim") == ("GPIB0::7::INSTR", "some/bench.yaml@sim")
