"""PURE: words, numbers and the panel's text of the LeCroy stand-in (lecroy.py)."""

from drivers.wire.scpi import ScpiError, parse_number

CHANNELS = ("C1", "C2", "C3", "C4")
COUPLINGS = {"D1M": ("DC", "ONEM"), "A1M": ("AC", "ONEM"), "D50": ("DC", "FIFT"), "GND": ("GND", "ONEM")}


def read_choice(text: bytes, words: tuple[str, ...]) -> str:
    """One of ``words``, in any case. Raises ScpiError -224."""
    word = text.decode("latin-1").strip().upper()
    if word not in words:
        raise ScpiError(-224, word)
    return word


def read_number(text: bytes) -> float:
    """A number with its unit, if it has one: ``500 MV``, ``1E-3``, ``10K``."""
    found = text.decode("latin-1").strip().upper()
    for unit in ("V", "S"):
        if found.endswith(unit):
            return parse_number(found, unit)
    return parse_number(found.removesuffix("K")) * 1e3 if found.endswith("K") else parse_number(found)


def name_coupling(coupling: str, impedance: str) -> str:
    """As ``CPL`` names coupling and impedance."""
    return next(word for word, pair in COUPLINGS.items() if pair == (coupling, impedance))


def their_source(source: str) -> str:
    """``EXT`` and ``CHAN1`` as the scope calls them."""
    return "EX" if source == "EXT" else "C" + source[-1]


def our_source(source: str) -> str:
    """``EX`` and ``C1`` as the engine calls them. Raises ScpiError -224."""
    if source != "EX" and source not in CHANNELS:
        raise ScpiError(-224, source)
    return "EXT" if source == "EX" else "CHAN" + source[-1]


def read_panel(data: bytes) -> dict[str, str]:
    """``name = value`` lines of a panel. Raises ScpiError -230 when one that is needed is missing or makes no sense."""
    found: dict[str, str] = {}
    for line in data.decode("latin-1").splitlines():
        name, equals, value = line.partition(" = ")
        if equals:
            found[name] = value.strip('"')
    needed = ["TriggerMode", "Trigger.Level", "Trigger.Source"]
    needed += [f"Horizontal.{name}" for name in ("HorScale", "HorOffset", "MaxSamples")]
    needed += [f"{channel}.{name}" for channel in CHANNELS for name in ("VerScale", "VerOffset", "Coupling")]
    numbers = ("Level", "HorScale", "HorOffset", "MaxSamples", "VerScale", "VerOffset")
    for name in needed:
        text = found.get(f"app.Acquisition.{name}")
        if text is None or (name.rpartition(".")[2] in numbers and not _is_number(text)):
            raise ScpiError(-230, name)
        if name.endswith("Coupling") and text not in COUPLINGS:
            raise ScpiError(-230, name)
    return found


def _is_number(text: str) -> bool:
    try:
        parse_number(text.strip())
    except ScpiError:
        return False
    return True
