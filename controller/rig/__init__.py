"""PURE: the rig model: bank, instruments, channels with their calibration chains, limits and interlocks."""

from controller.rig.model import Rig
from controller.rig.source import Problem, Refused

__all__ = ["Problem", "Refused", "Rig", "load_rig"]


def load_rig(data: bytes, filename: str, plc_text: bytes | None = None, plc_filename: str = "plc.yaml") -> Rig:
    """See :func:`controller.rig.load.load_rig`; pydantic and pint are imported on the first call."""
    from controller.rig.load import load_rig as read

    return read(data, filename, plc_text, plc_filename)
