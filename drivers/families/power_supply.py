"""The PowerSupply port over TDK-Lambda Genesys supplies (instruments.md 2.6), one or several on a line."""

from typing import Any

from drivers.errors import InstrumentError, InstrumentRefused, LinkClosed, RemoteWireError, WrongInstrument
from drivers.families.genesys_line import TURN_S, GenesysBus, Refusal, claim_bus
from drivers.families.identity import match_identity
from drivers.ports import Identity, SupplyReading
from drivers.transports.multidrop import Drop, SharedLine
from drivers.transports.route import Route, stream_of
from drivers.wire.dialect import Values
from drivers.wire.genesys import ERRORS, FAULT_NAMES, FOLDBACK_STEP_S, GENESYS, Fault, Status

OPEN_S = 5.0
"""Opening a port, draining it and one identification: a port that needs longer is not there."""

EXCHANGE_S = 0.9
"""One exchange: STT?, the longest, has 63 characters both ways, 66 ms at 9600 baud. After a miss a drained line
(0.1 s of silence), a pause of 0.1 s, ADR and an identification come before it. Other supplies add ``TURN_S`` each."""

DEFAULT_ADDRESS = 6
"""As delivered."""

DIGITS = 4
"""Decimals written: one more than any supply of the family shows."""

TOLERANCE = 0.001
"""A set-point that reads back may differ by one count of the fifth digit."""

RELATIVE_TOLERANCE = 2e-4


class GenesysSupply:
    """One supply. Set-points and protection are read back as the instrument holds them."""

    def __init__(self, name: str, line: SharedLine, bus: GenesysBus, address: int, *, checksums: bool = False) -> None:
        self.name = name
        self.address = address
        self._line = line
        self._bus = bus
        self._sealed = checksums
        self._closed = False

    async def identify(self) -> Identity:
        """Model, serial number and firmware, in three exchanges."""
        maker, _, model = str((await self._ask("IDN?"))["value"]).partition(",")
        serial = str((await self._ask("SN?"))["value"])
        return Identity(maker, model, serial, str((await self._ask("REV?"))["value"]))

    async def configure(self, voltage_v: float, current_a: float, *, over_voltage_v: float | None = None) -> None:
        """Write set-points and OVP and compare what DVC? says; raises InstrumentRefused with the instrument's reason.

        OVP goes first when it rises and last when it falls, so that it never comes nearer to the voltage than the
        instrument allows.
        """
        await self._set("RMT", 1)
        values = {"PC": current_a, "PV": voltage_v}
        if over_voltage_v is not None:
            rises = over_voltage_v >= (await self._ask("DVC?"))["ovp"]
            values = {"OVP": over_voltage_v, **values} if rises else {**values, "OVP": over_voltage_v}
        for name, value in values.items():
            await self._set(name, round(value, DIGITS))
        held = await self._ask("DVC?")
        for name, value in values.items():
            now = held[name.lower()]
            if abs(now - value) > TOLERANCE + RELATIVE_TOLERANCE * abs(value):
                raise InstrumentRefused(self.name, f"{name} was set to {value:g} and reads back {now:g}")

    async def protect(self, *, under_voltage_v: float, foldback: bool, foldback_delay_s: float = 0.0) -> None:
        """Set the lower limit of the set-point, and whether the output goes off when the current limits it.

        Foldback acts ``foldback_delay_s`` after its own 0.25 s. Raises InstrumentRefused.
        """
        await self._set("UVL", round(under_voltage_v, DIGITS))
        await self._set("FBD", round(foldback_delay_s / FOLDBACK_STEP_S))
        await self._set("FLD", int(foldback))

    async def output(self, on: bool) -> None:
        """Switch the output and confirm it. Off acknowledges a tripped protection; on during a fault is refused."""
        if not on:
            self._bus.retry_now()  # off does not wait for a pause between attempts to connect
        try:
            await self._set("OUT", int(on))
        except InstrumentRefused as refusal:
            faults = ", ".join(await self._faults())
            raise InstrumentRefused(self.name, refusal.problem + (f" ({faults})" if faults else "")) from refusal
        if bool((await self._ask("OUT?"))["value"]) is not on:
            faults = ", ".join(await self._faults()) or "no fault"
            raise InstrumentRefused(self.name, f"the output did not become {'on' if on else 'off'} ({faults})")

    async def read(self) -> SupplyReading:
        """Measured voltage and current, regulation mode and faults, in one exchange."""
        found = await self._ask("STT?")
        status = Status(found["sr"])
        return SupplyReading(
            found["mv"],
            found["mc"],
            output_on=bool(status & (Status.CONSTANT_VOLTAGE | Status.CONSTANT_CURRENT)),
            constant_voltage=Status.CONSTANT_VOLTAGE in status,
            faults=_names(found["fr"]),
        )

    async def request_service(self, status: Status, faults: Fault) -> None:
        """Choose what makes the supply say ``!nn``; clears the events. Raises InstrumentRefused."""
        await self._set("SENA", int(status))
        await self._set("FENA", int(faults))
        await self._act("CLS")

    @property
    def service_requests(self) -> int:
        """How often this supply has said ``!nn`` since the line was opened."""
        return self._bus.requests[self.address]

    async def events(self) -> tuple[Status, Fault]:
        """What happened since the last time; reading clears it, and lets the next request come."""
        return Status((await self._ask("SEVE?"))["value"]), Fault((await self._ask("FEVE?"))["value"])

    async def registers(self) -> tuple[Status, Fault]:
        """Status and fault conditions by the fast query: 18 characters, and nobody else's selection is disturbed."""
        try:
            found = await self._bus.ask_fast(
                self.name, self.address, GENESYS["fast_registers"], timeout_s=self._deadline_s()
            )
        except Refusal as refusal:
            raise self._refused("fast_registers", refusal) from None
        return Status(found["stat"]), Fault(found["flt"])

    async def close(self) -> None:
        """Let go of the line; the last supply on it closes it. The output stays as it is."""
        if not self._closed:
            self._closed = True
            if self._line.release():
                await self._bus.close()

    # -- pieces

    async def check(self, identity: str) -> None:
        """Raise WrongInstrument when what answers at the address is not what ``identity`` expects."""
        try:
            answer = str((await self._ask("IDN?", OPEN_S))["value"])
        except RemoteWireError as error:
            raise WrongInstrument(self.name, f"no Genesys at address {self.address}: {error.problem}") from error
        fits = match_identity(identity)
        if fits(answer.encode("latin-1")):
            return
        # two of one model on a line differ in their address switches alone: a serial number tells them apart
        answer = f"{answer},{(await self._ask('SN?', OPEN_S))['value']}"
        if not fits(answer.encode("latin-1")):
            raise WrongInstrument(self.name, f"another supply is at address {self.address}, which answered {answer!r}")

    def _deadline_s(self) -> float:
        return EXCHANGE_S + TURN_S * max(0, self._line.claims - 1)

    async def _faults(self) -> tuple[str, ...]:
        return _names((await self._ask("FLT?"))["value"])

    async def _set(self, name: str, value: float) -> None:
        await self._ask(name, value=value)

    async def _act(self, name: str) -> None:
        await self._ask(name)

    async def _ask(self, name: str, timeout_s: float = 0.0, **values: Any) -> Values:
        if self._closed:
            raise LinkClosed(self.name, "closed here")
        deadline_s = max(timeout_s, self._deadline_s())
        try:
            return await self._bus.ask(
                self.name, self.address, GENESYS[name], timeout_s=deadline_s, sealed=self._sealed, **values
            )
        except Refusal as refusal:
            raise self._refused(" ".join((name, *(f"{value:g}" for value in values.values()))), refusal) from None

    def _refused(self, what: str, refusal: Refusal) -> InstrumentError:
        return InstrumentRefused(self.name, f"{what}: {refusal.code} {ERRORS.get(refusal.code, 'unknown error')}")


def _names(faults: int) -> tuple[str, ...]:
    return tuple(name for fault, name in FAULT_NAMES.items() if faults & fault)


async def open_genesys(name: str, route: Route, *, identity: str, checksums: bool = False) -> GenesysSupply:
    """Connect to the supply called ``name``: at the address of its :class:`Drop`, or at 6 on a line of its own.

    The output is left as it is. Raises ConnectFailed, LinkTimeout (nobody at that address), WrongInstrument.
    """
    drop = route if isinstance(route, Drop) else Drop(SharedLine(stream_of(name, route)), DEFAULT_ADDRESS)
    supply = GenesysSupply(name, drop.line, claim_bus(drop.line), drop.address, checksums=checksums)
    try:
        await supply.check(identity)
    except BaseException:
        await supply.close()
        raise
    return supply
