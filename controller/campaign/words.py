"""PURE: words that every report of a campaign uses."""

from controller.campaign.model import Status
from controller.campaign.summary import Campaign


def verdict_word(campaign: Campaign) -> str:
    """PASSED, FAILED, or STOPPED when cells are missing and none failed."""
    if campaign.count(Status.FAILED):
        return "FAILED"
    return "PASSED" if campaign.complete else "STOPPED"


def clock(seconds: float) -> str:
    """Wall time for people: ``4.2 s``, ``12 min 5 s``."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def crew(workers: int) -> str:
    """``2 workers``; 0 stands for Dask."""
    if not workers:
        return "Dask"
    return f"{workers} worker{'s' if workers != 1 else ''}"
