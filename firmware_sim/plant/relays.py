"""PURE: a relay or contactor with travel, bounce and a mirror contact that shows where the contact really is."""

from enum import Enum

from firmware_sim.plant.parameters import RelayParameters

BOUNCE_PATTERN = (0.0, 0.18, 0.35, 0.55, 0.70, 0.85, 1.0)
"""Instants, as fractions of the bounce time, at which a making contact toggles: makes at 0, stays made from 1."""


class Stuck(Enum):
    """A mechanical fault of the contact."""

    NOT = "not stuck"
    OPEN = "stuck open"
    CLOSED = "stuck closed"


class Relay:
    """One coil and one contact set.

    ``normally_closed`` says what the contact does without power. ``closed`` is the contact now; ``proven_open`` and
    ``proven_closed`` are the position contacts, both False while the contact travels or bounces.
    """

    __slots__ = ("_changes", "_energised", "_normally_closed", "_stuck", "_times", "closed", "moving")

    def __init__(self, times: RelayParameters, *, normally_closed: bool) -> None:
        self._times = times
        self._normally_closed = normally_closed
        self._energised = False
        self._stuck = Stuck.NOT
        self._changes: list[tuple[int, bool]] = []
        self.closed = normally_closed
        self.moving = False

    @property
    def proven_open(self) -> bool:
        """The position contact that reads open."""
        return not self.moving and not self.closed

    @property
    def proven_closed(self) -> bool:
        """The position contact that reads closed."""
        return not self.moving and self.closed

    @property
    def defies(self) -> bool:
        """True while the contact rests where it sticks and the coil wants it elsewhere."""
        return self._held() and self.closed is not self._wanted()

    def stick(self, stuck: Stuck, now_ns: int) -> None:
        """Inject or clear a mechanical fault: the contact sticks where it is, or when it next gets there.

        A freed contact travels to where the coil wants it.
        """
        self._stuck = stuck
        if stuck is Stuck.NOT and not self.moving and self.closed is not self._wanted():
            self._travel(self._wanted(), now_ns)

    def command(self, energised: bool, now_ns: int) -> None:
        """Power the coil or not, from ``now_ns`` on."""
        if energised is self._energised:
            return
        self._energised = energised
        if not self._held():
            self._travel(self._wanted(), now_ns)

    def _held(self) -> bool:
        """True when the contact rests in the place where it sticks."""
        if self._stuck is Stuck.NOT or self.moving:
            return False
        return self.closed is (self._stuck is Stuck.CLOSED)

    def _wanted(self) -> bool:
        return self._normally_closed is not self._energised

    def _travel(self, to_closed: bool, now_ns: int) -> None:
        self._changes.clear()
        arrive_ns = now_ns + (self._times.pull_ns if self._energised else self._times.drop_ns)
        if not to_closed:
            self._changes.append((arrive_ns, False))
        elif self._times.bounce_ns <= 0:
            self._changes.append((arrive_ns, True))
        else:
            for n, fraction in enumerate(BOUNCE_PATTERN):
                self._changes.append((arrive_ns + round(fraction * self._times.bounce_ns), n % 2 == 0))
        self.moving = True

    def next_change_ns(self) -> int | None:
        """When the contact toggles next; None while it rests."""
        return self._changes[0][0] if self._changes else None

    def advance(self, now_ns: int) -> None:
        """Carry out the toggles that are due at ``now_ns``."""
        while self._changes and self._changes[0][0] <= now_ns:
            self.closed = self._changes.pop(0)[1]
        if not self._changes:
            self.moving = False
