"""What the route of trains answers, as pydantic models (see schemas.py)."""

from controller.panel.schemas import Answer


class TrainStatisticAnswer(Answer):
    """``peak``, ``flat_top`` or ``width`` over the pulses that are there; null when there are too few of them."""

    quantity: str
    unit: str
    count: int
    min: float | None
    mean: float | None
    max: float | None
    std: float | None


class TrainAnswer(Answer):
    """A train as a picture: pulses downwards, time across, extremes kept.

    ``rows`` has one number more than there are rows: row i stands for the pulses rows[i] .. rows[i + 1] - 1, counted
    from 1; ``trigger_s`` is when its first one was triggered, after the first of the train. ``t`` is the time of each
    column after the pulse's own trigger. ``low`` and ``high`` are the extremes of every cell, row after row, as
    little-endian 16-bit integers in base64; ``value = count * scale + offset`` in ``unit``. A value nearer than
    ``quiet`` to ``typical_low`` .. ``typical_high`` (the median pulse in the same columns) is noise. ``worst`` is, of
    the pulses that came, the one furthest from the median; ``unusual`` the furthest of every row. ``missing`` is how
    many of the ``planned`` did not come, ``missing_pulses`` the first hundred of them that were triggered. ``from_s``
    and ``to_s`` are those of the whole record, ``samples`` and ``step_s`` those of one pulse.
    """

    shot: int
    channel: str
    title: str
    unit: str
    pulses: int
    planned: int
    samples: int
    from_s: float | None
    to_s: float | None
    duration_s: float
    step_s: float
    rows: list[int]
    trigger_s: list[float]
    t: list[float]
    low: str
    high: str
    scale: float
    offset: float
    typical_low: list[float]
    typical_high: list[float]
    quiet: float
    worst: int | None
    unusual: list[int]
    missing: int
    missing_pulses: list[int]
    statistics: list[TrainStatisticAnswer]
    relative_u95: float
