"""PURE: what single scans cannot show: the charge envelope, a collapse faster than the leak, the proof of safe.

Each class turns voltages over time into one level for ``step``; all floats stay in here.
"""

import math

from firmware_sim.plc.levels import Proof
from firmware_sim.plc.limits import PlcLimits
from firmware_sim.plc.settings import Permit, dump_tau_of, leak_per_scan_of, power_slope_of, v_safe_of

FIT_RATIO = 3.0
"""The decay is measured from the first sample with both dumps proven down to a third of it: 1.1 tau, 11 scans."""
SETTLE_SCANS = 4
"""Scans between "both dumps proven closed" and the first sample of the fit: with the relays' own travel this outlasts
the tens of milliseconds for which a pre-fire's EMI makes probes read garbage (bench.md section 1)."""


class ChargeTrend:
    """Charge envelope and pre-fire detection of one shot (FMEA rows 8 and 17)."""

    __slots__ = (
        "_ceiling_v",
        "_floor_v",
        "_held_v",
        "_keep",
        "_limits",
        "_permit",
        "_slope_v2_per_s",
        "_start_v",
        "envelope_left",
        "falling",
    )

    def __init__(self, limits: PlcLimits) -> None:
        self._limits = limits
        self._keep = 1.0 - leak_per_scan_of(limits)
        self.begin(Permit(), 0.0)

    def begin(self, permit: Permit, start_v: float) -> None:
        """Start a charge from ``start_v``."""
        self._permit = permit
        self._start_v = start_v if math.isfinite(start_v) else 0.0
        self._held_v = -math.inf
        self._floor_v = permit.target_v - permit.tolerance_v
        self._ceiling_v = permit.target_v + permit.tolerance_v + self._limits.envelope_margin_v
        self._slope_v2_per_s = power_slope_of(self._limits, permit)
        self.envelope_left = False
        self.falling = False

    def follow(self, a_v: float, b_v: float, charging_scans: int) -> None:
        """Take one scan of a charged state; ``charging_scans`` is the time in CHARGE, -1 once it is over."""
        limits = self._limits
        low_v = a_v if a_v < b_v else b_v
        held_v = self._held_v * self._keep
        self._held_v = held_v = low_v if low_v > held_v else held_v
        self.falling = low_v < held_v - limits.prefire_drop_v
        if charging_scans < 0:
            self.envelope_left = False
            return
        time_s = charging_scans * limits.scan_s
        ramp = self._permit.ramp_v_per_s
        above_v = self._start_v + limits.envelope_factor * ramp * time_s + limits.envelope_margin_v
        above_v = above_v if above_v < self._ceiling_v else self._ceiling_v
        below_v = ramp * (time_s - limits.settle_s) / limits.envelope_factor
        slope = self._slope_v2_per_s
        if slope:  # constant power: V = sqrt(2 P t / C) where that is below the ramp
            power_v = math.sqrt(slope * max(time_s - limits.settle_s, 0.0)) / limits.envelope_factor
            below_v = power_v if power_v < below_v else below_v
        below_v = (below_v if below_v < self._floor_v else self._floor_v) - limits.envelope_margin_v
        self.envelope_left = not (below_v <= low_v and (a_v if a_v > b_v else b_v) <= above_v)


class _Decay:
    """One voltage falling: its time constant between the first sample and a third of it."""

    __slots__ = ("_first_scan", "_first_v", "ratio", "tau_s")

    def __init__(self, tau_s: float, first_v: float, scan: int) -> None:
        self.tau_s = tau_s
        self._first_v = first_v
        self._first_scan = scan
        self.ratio: float | None = None
        """Measured over expected time constant, once measured."""

    def follow(self, voltage_v: float, scan: int, scan_s: float) -> None:
        if self.ratio is None and 0.0 < voltage_v <= self._first_v / FIT_RATIO:
            measured_s = (scan - self._first_scan) * scan_s / math.log(self._first_v / voltage_v)
            self.ratio = measured_s / self.tau_s


class SafeProof:
    """Proof of safe of one dump (bench.md section 2).

    Began above 4 V_safe: every probe and module that was up decays with the RC of the confirmed mask. Below: each
    probe followed this shot's charge and collapse, passes its bias check now, and is in band for the dwell.
    """

    __slots__ = (
        "_a_peak_v",
        "_b_peak_v",
        "_decays",
        "_limits",
        "_mask",
        "_proven",
        "_v_safe_v",
        "fitted",
        "level",
        "wants_bias_check",
        "worst_ratio",
    )

    def __init__(self, limits: PlcLimits) -> None:
        self._limits = limits
        self.forget()
        self.begin_dump(0, 0.0)
        self.level = Proof.OPEN

    def forget(self) -> None:
        """A new shot begins: nothing has been followed yet."""
        self._a_peak_v = 0.0
        self._b_peak_v = 0.0

    def watch(self, a_v: float, b_v: float) -> None:
        """Take one scan before the dump: how high did each probe follow."""
        if a_v > self._a_peak_v:
            self._a_peak_v = a_v
        if b_v > self._b_peak_v:
            self._b_peak_v = b_v

    def begin_dump(self, mask: int, highest_v: float) -> None:
        """A dump begins at ``highest_v``, the highest of probes and modules."""
        self._mask = mask
        self._v_safe_v = v_safe_of(self._limits, mask)
        self.fitted = not highest_v <= 4.0 * self._v_safe_v
        self.level = Proof.OPEN
        self.worst_ratio = 1.0
        self.wants_bias_check = False
        self._proven = -1
        self._decays: list[_Decay] | None = None

    def follow(self, voltages_v: list[float], closed: bool, settled: bool, scan: int) -> Proof:
        """Take one scan of the dump (probe A, probe B, modules); returns the level.

        ``closed``: both dumps proven closed; ``settled``: the dwell is over.
        """
        if self.level is not Proof.OPEN:
            return self.level
        if self.fitted:
            self._fit(voltages_v, closed, scan)
        elif settled and not self.wants_bias_check:
            if self._followed():
                self.wants_bias_check = True
            else:
                self.level = Proof.FAILED
        return self.level

    def conclude_bias(self, passed: bool) -> Proof:
        """The bias check of both probes is over."""
        self.level = Proof.HOLDS if passed else Proof.FAILED
        self.wants_bias_check = False
        return self.level

    def _followed(self) -> bool:
        high = max(self._a_peak_v, self._b_peak_v)
        low = min(self._a_peak_v, self._b_peak_v)
        return high <= self._v_safe_v or low >= self._limits.follow_fraction * high

    def _fit(self, voltages_v: list[float], closed: bool, scan: int) -> None:
        if not closed:
            self._proven, self._decays = -1, None
            return
        self._proven += 1
        if self._decays is None:
            if self._proven >= SETTLE_SCANS:
                self._decays = self._start_fit(voltages_v, scan)
                # collapsed before the contacts were proven: no decay to fit, the low-voltage proof must do
                self.fitted = any(decay.tau_s > 0.0 for decay in self._decays)
            return
        for decay, voltage_v in zip(self._decays, voltages_v, strict=True):
            decay.follow(voltage_v, scan, self._limits.scan_s)
        started = [decay for decay in self._decays if decay.tau_s > 0.0]
        ratios = [decay.ratio for decay in started if decay.ratio is not None]
        if len(ratios) == len(started):
            self.worst_ratio = max(ratios, key=lambda ratio: abs(ratio - 1.0))
            fits = abs(self.worst_ratio - 1.0) <= self._limits.tau_error_fraction
            self.level = Proof.HOLDS if fits else Proof.FAILED

    def _start_fit(self, voltages_v: list[float], scan: int) -> list[_Decay]:
        """A decay per voltage; those that start too low to be measured get no expectation and do not count."""
        limits = self._limits
        probe_tau = dump_tau_of(limits, self._mask)
        taus = [probe_tau, probe_tau, *(c * limits.dump_ohm / 2.0 for c in limits.capacitance_f)]
        enough_v = self._v_safe_v
        return [
            _Decay(tau if voltage_v >= enough_v else 0.0, voltage_v if voltage_v >= enough_v else 0.0, scan)
            for tau, voltage_v in zip(taus, voltages_v, strict=True)
        ]
