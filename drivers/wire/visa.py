"""PURE: VISA resource strings (VPP-4.3 section 4.3.1): which of them PyVISA is to be trusted with.

Sockets, serial lines and HiSLIP have links of their own here, because PyVISA's lose their place on raw streams after a
timeout, mistake a refused port for an open one and spin when the peer hangs up (instruments.md 3.1, T1-T4, T6, T8-T10).
"""

import re

_INSTRUMENT = re.compile(
    r"""(?: GPIB\d*::\d{1,2}(::\d{1,2})?
         | USB\d*::(0x[0-9A-F]{1,4}|\d{1,5})::(0x[0-9A-F]{1,4}|\d{1,5})::[^:\s]+(::\d{1,3})?
         | TCPIP\d*::[A-Z0-9_.\-]+(,\d{1,5})?(::[A-Z0-9_,]+)?
         | (VXI|GPIB-VXI|PXI)\d*::\d[0-9A-Z\-:]*? )(::INSTR)?""",
    re.IGNORECASE | re.VERBOSE,
)
EXAMPLES = "GPIB0::7::INSTR, USB0::0x2A8D::0x1766::MY1234::INSTR or TCPIP::192.168.10.21::inst0::INSTR"


class BadResource(ValueError):
    """Not for PyVISA; ``remedy`` says what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def check_resource(resource: str) -> None:
    """Raise :class:`BadResource` for a string that PyVISA is not to open."""
    parts = resource.upper().split("::")
    if parts[0].startswith("ASRL"):
        raise BadResource(
            f"'{resource}' is a serial line, which PyVISA does not keep for itself", "serial: /dev/ttyUSB0"
        )
    if parts[-1] == "SOCKET" or parts[0].startswith("ASRLSOCKET"):
        problem = f"'{resource}' is a raw socket, on which PyVISA takes late answers for the next one"
        raise BadResource(problem, "socket: " + ":".join(resource.split("::")[1:3]))
    if parts[0].startswith("TCPIP") and len(parts) > 2 and parts[2].startswith("HISLIP"):
        port = parts[2].partition(",")[2] or "4880"
        raise BadResource(
            f"'{resource}' is HiSLIP, which has its own link", f"hislip: {resource.split('::')[1]}:{port}"
        )
    if not _INSTRUMENT.fullmatch(resource):
        raise BadResource(f"'{resource}' is no VISA resource of an instrument", f"for example {EXAMPLES}")


def split_library(address: str) -> tuple[str, str]:
    """Resource and PyVISA's library of ``RESOURCE[@LIBRARY]``: ``...@py``, ``...@ivi``, ``...@bench.yaml@sim``.

    Raises :class:`BadResource` for a resource that PyVISA is not to open.
    """
    resource, mark, library = address.partition("@")
    if mark and not library:
        raise BadResource(f"'{address}' names no library after its @", f"{resource}@py or {resource}@ivi")
    check_resource(resource)
    return resource, library if "@" in library or not library else f"@{library}"
