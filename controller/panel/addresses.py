"""PURE: host names and addresses as the panel meets them: in a Host header, an Origin, and from its supervisor."""

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What a Host header may name, without port: this machine and nothing else. A foreign name is a rebound DNS record
(a page's own name, pointed at 127.0.0.1), not a person on this machine."""


def host_name(host: str) -> str:
    """The name in a Host header in lower case, without port: ``LOCALHOST:80`` -> ``localhost``."""
    name, _, port = host.strip().lower().rpartition(":")
    return name if name and port.isdecimal() else host.strip().lower()


def same_origin(origin: str | None, host: str) -> bool:
    """Whether a page of ``origin`` was loaded from ``host`` (RFC 6454): name and port are the same."""
    scheme, _, place = (origin or "").partition("://")
    return scheme in ("http", "https") and place.lower() == host.lower()


def host_and_port(address: str) -> tuple[str, int]:
    """``"127.0.0.1:80"`` -> ``("127.0.0.1", 80)``, IPv6 without brackets. Raises ValueError for anything else."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)
