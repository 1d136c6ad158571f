"""PURE: who may speak to the PLC: epoch fencing, connection id, sequence, age echo; and the permit's token.

These are the measures of safety.md 4.3 against repetition, wrong sequence, loss, delay, insertion, masquerade and
addressing; corruption is caught by the CRC-32 of the block (plc_map).
"""

import hashlib

from drivers.wire.plc import PlcCommand, PlcRequest, Refusal
from drivers.wire.plc_arguments import PermitToken, decode_fire_enable, decode_permit, decode_shot
from drivers.wire.plc_run import decode_run
from firmware_sim.plc.limits import PlcLimits
from firmware_sim.plc.settings import Permit

SEQUENCE_GAP_MAX = 64
"""Exchanges that may get lost in a row (3 s of heartbeats, far beyond the watchdog); a larger jump is not ours."""
NEVER = -(1 << 30)
_DUMP, _ACCEPTED = PlcCommand.DUMP, Refusal.ACCEPTED


class Link:
    """The controller that holds the bench. A higher epoch takes over only an idle, abandoned bench."""

    __slots__ = ("_age_max", "_heard", "_watchdog", "connection_id", "epoch", "sequence")

    def __init__(self, watchdog_scans: int, age_max_scans: int) -> None:
        self._watchdog = watchdog_scans
        self._age_max = age_max_scans
        self._heard = NEVER
        self.epoch = 0
        self.connection_id = 0
        self.sequence = 0

    def fresh(self, scan: int) -> bool:
        """True while the last good heartbeat is younger than the watchdog."""
        return scan - self._heard <= self._watchdog

    def accept(self, request: PlcRequest, scan: int, armed: bool) -> Refusal:
        """Judge one exchange; an accepted one feeds the watchdog. DUMP is always accepted and feeds nothing."""
        if request.command is _DUMP:
            return _ACCEPTED
        if request.epoch < self.epoch or request.epoch == 0:
            return Refusal.STALE_EPOCH
        late = not 0 <= scan - request.age_echo <= self._age_max
        if request.epoch > self.epoch:
            return self._take_over(request, scan, armed, late)
        if request.connection_id != self.connection_id:
            return Refusal.WRONG_CONNECTION
        if not 1 <= request.sequence - self.sequence <= SEQUENCE_GAP_MAX:
            return Refusal.BAD_SEQUENCE
        self.sequence = request.sequence
        if late:
            return Refusal.LATE
        self._heard = scan
        return _ACCEPTED

    def _take_over(self, request: PlcRequest, scan: int, armed: bool, late: bool) -> Refusal:
        if armed or self.fresh(scan):
            return Refusal.WRONG_CONNECTION
        if late:
            return Refusal.LATE
        self.epoch = request.epoch
        self.connection_id = request.connection_id
        self.sequence = request.sequence
        self._heard = scan
        return Refusal.ACCEPTED


class Tokens:
    """The permit in force, its nonce, and which shots were permitted before. A token works once."""

    __slots__ = ("_boot_id", "_issued", "_limits", "_rig_id", "_used", "gate_ns", "nonce", "token")

    def __init__(self, limits: PlcLimits, rig_id: int, boot_id: int) -> None:
        self._limits = limits
        self._rig_id = rig_id
        self._boot_id = boot_id
        self._issued = 0
        self._used = (0, -1)
        self.token: PermitToken | None = None
        self.gate_ns = 0
        self.nonce = 0
        self._renew()

    def _renew(self) -> None:
        """A new nonce: unpredictable enough against replays, the same in every run of the same boot id."""
        self._issued += 1
        text = f"{self._boot_id}.{self._issued}".encode()
        self.nonce = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")

    def judge_permit(self, request: PlcRequest, epoch: int, positions: int) -> tuple[Refusal, Permit | None]:
        """Check a PERMIT's arguments; the permit they ask for when they are good."""
        try:
            asked = decode_permit(request.arguments)
        except ValueError:
            return Refusal.BAD_TOKEN, None
        token, limits = asked.token, self._limits
        if token.rig_id != self._rig_id:
            return Refusal.WRONG_RIG, None
        if token.epoch != epoch:
            return Refusal.STALE_EPOCH, None
        if self._used[0] == epoch and token.shot <= self._used[1]:
            return Refusal.TOKEN_USED, None
        if token.profile_hash == 0:
            return Refusal.BAD_TOKEN, None
        if token.module_mask == 0 or token.module_mask != positions:
            return Refusal.MASK_MISMATCH, None
        sound = (
            0.0 < asked.target_v <= limits.target_max_v
            and limits.ramp_min_v_per_s <= asked.ramp_v_per_s <= limits.ramp_max_v_per_s
            and limits.tolerance_min_v <= asked.tolerance_v <= limits.tolerance_max_v
            and asked.tolerance_v < asked.target_v
        )
        if not sound:
            return Refusal.OUT_OF_LIMITS, None
        mask = token.module_mask
        return Refusal.ACCEPTED, Permit(mask, asked.target_v, asked.ramp_v_per_s, asked.tolerance_v, token.shot, mask)

    def use_permit(self, request: PlcRequest) -> None:
        """The permit was taken: its shot number is spent, and CHARGE needs the new nonce."""
        self.token = decode_permit(request.arguments).token
        self._used = (self.token.epoch, self.token.shot)
        self.gate_ns = 0
        self._renew()

    def judge_fire_enable(self, request: PlcRequest) -> tuple[Refusal, int, int]:
        """Check a FIRE_ENABLE; also the fire mask and the gate time in nanoseconds it asks for."""
        try:
            asked = decode_fire_enable(request.arguments)
        except ValueError:
            return Refusal.BAD_TOKEN, 0, 0
        if self.token is None or asked.token != self.token or asked.nonce != self.nonce:
            return Refusal.BAD_TOKEN, 0, 0
        mask = self.token.module_mask
        if asked.fire_mask == 0 or asked.fire_mask & ~mask or not 0.0 < asked.gate_s <= self._limits.gate_max_s:
            return Refusal.OUT_OF_LIMITS, 0, 0
        return Refusal.ACCEPTED, asked.fire_mask, round(asked.gate_s * 1e9)

    def use_fire_enable(self, gate_ns: int) -> None:
        """FIREWIN was entered: FIRE needs the new nonce."""
        self.gate_ns = gate_ns
        self._renew()

    def judge_shot(self, request: PlcRequest) -> Refusal:
        """Check the (shot, nonce) of CHARGE and FIRE."""
        try:
            shot, nonce = decode_shot(request.arguments)
        except ValueError:
            return Refusal.BAD_TOKEN
        good = self.token is not None and shot == self.token.shot and nonce == self.nonce
        return Refusal.ACCEPTED if good else Refusal.BAD_TOKEN

    def judge_run(self, request: PlcRequest) -> tuple[Refusal, int]:
        """Check RUN's (shot, nonce, pulses); also how many pulses it asks for."""
        try:
            asked = decode_run(request.arguments)
        except ValueError:
            return Refusal.BAD_TOKEN, 0
        run = self._limits.run
        if self.token is None or asked.shot != self.token.shot or asked.nonce != self.nonce:
            return Refusal.BAD_TOKEN, 0
        if run is None or asked.pulses > run.pulses_max:
            return Refusal.OUT_OF_LIMITS, 0
        return Refusal.ACCEPTED, asked.pulses

    def use_once(self) -> None:
        """FIRE or RUN was carried out: the nonce is spent."""
        self._renew()

    def withdraw(self) -> None:
        """The shot is over: nothing of this token is good for anything any more."""
        self.token = None
        self.gate_ns = 0
