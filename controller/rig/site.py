"""PURE: site.yaml (version 1): what the place is called, and the broker that hears of its benches (none: no MQTT).

Exported to configs/schema/site.json for editors. Paths in it are relative to the folder of the file itself.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import Seconds, StrictModel, require_version, validate
from controller.rig.schema import Name
from controller.rig.source import Document, Problem, Refused, load

VERSION = 1
"""The newest site.yaml this code reads."""

PORT_PLAIN, PORT_TLS = 1883, 8883
"""The ports IANA registered for MQTT and for MQTT over TLS."""

KEEPALIVE_MAX_S = 60.0
"""Longer than a minute and a panel that hangs is called lost long after everybody noticed."""

TELEMETRY_PERIOD_MIN_S, TELEMETRY_PERIOD_MAX_S = 0.02, 60.0
"""From every frame of the core to once a minute."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9a-fA-F:.]+")
CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]+")

Host = Annotated[str, Field(min_length=1, max_length=253)]
FileName = Annotated[str, Field(min_length=1, max_length=400)]
ClientId = Annotated[str, Field(min_length=1, max_length=100)]
UserName = Annotated[str, Field(min_length=1, max_length=200)]


class TlsFile(StrictModel):
    """``tls:`` an empty one (``{}``) trusts the authorities that this computer trusts."""

    ca: FileName | None = None
    certificate: FileName | None = None
    key: FileName | None = None


class BrokerFile(StrictModel):
    """``broker:`` where everything the panel hears is published. Nothing is ever read from it."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: TlsFile | None = None
    username: UserName | None = None
    password_file: FileName | None = None
    client_id: ClientId | None = None
    keepalive: Seconds = 2.0
    telemetry_period: Seconds = 0.2


class SiteFile(StrictModel):
    """site.yaml."""

    site: Literal[1]
    name: Name
    broker: BrokerFile | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """File names as written: ``ca`` (empty: the system's authorities), the panel's own certificate and its key."""

    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where and how to publish. ``tls`` None: in the clear; ``username`` empty: anonymous; times in seconds."""

    host: str
    port: int
    tls: Tls | None = None
    username: str = ""
    password_file: str = ""
    client_id: str = ""
    keepalive_s: int = 2
    telemetry_period_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Site:
    """One place with benches. ``document`` is where refusals about the files it names find their line."""

    name: str
    broker: Broker | None = None
    document: Document = field(default_factory=lambda: Document("site.yaml", {}, {}), compare=False, repr=False)


def load_site(data: bytes, filename: str) -> Site:
    """The site that ``data`` describes; ``filename`` is what refusals call the file.

    Raises :class:`Refused` with one problem per field that is wrong. Whether the files it names exist and whether
    the broker answers is found out later.
    """
    document = load(data, filename)
    require_version(document, "site", VERSION)
    file = validate(document, SiteFile)
    if file.broker is None:
        return Site(file.name, None, document)
    problems = list(_problems(document, file.broker))
    if problems:
        raise Refused(problems)
    return Site(file.name, _broker(file.broker), document)


def site_schema() -> str:
    """configs/schema/site.json."""
    document = {**SiteFile.model_json_schema(), "$schema": DIALECT, "title": "Sparkgap site"}
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _broker(file: BrokerFile) -> Broker:
    tls = Tls(file.tls.ca or "", file.tls.certificate or "", file.tls.key or "") if file.tls is not None else None
    return Broker(
        host=file.host,
        port=file.port or (PORT_PLAIN if tls is None else PORT_TLS),
        tls=tls,
        username=file.username or "",
        password_file=file.password_file or "",
        client_id=file.client_id or "",
        keepalive_s=round(file.keepalive),
        telemetry_period_s=file.telemetry_period,
    )


def _problems(document: Document, broker: BrokerFile) -> Iterator[Problem]:
    if not HOST.fullmatch(broker.host):
        problem = f"'{broker.host[:80]}' is no host name and no address"
        yield document.problem(("broker", "host"), problem, "write for example localhost; the port has its own key")
    if broker.client_id and not CLIENT_ID.fullmatch(broker.client_id):
        problem = f"'{broker.client_id}' is not a client id"
        yield document.problem(("broker", "client_id"), problem, "use letters, digits, underscore, dot and hyphen")
    if not 1.0 <= broker.keepalive <= KEEPALIVE_MAX_S or not math.isclose(broker.keepalive, round(broker.keepalive)):
        problem = f"{broker.keepalive:g} s is not a keep-alive that MQTT can carry"
        remedy = f"write whole seconds from 1 s to {KEEPALIVE_MAX_S:g} s"
        yield document.problem(("broker", "keepalive"), problem, remedy)
    if not TELEMETRY_PERIOD_MIN_S <= broker.telemetry_period <= TELEMETRY_PERIOD_MAX_S:
        problem = f"{broker.telemetry_period:g} s between two telemetry messages is not possible"
        remedy = "write a time from 20 ms (every frame) to 60 s"
        yield document.problem(("broker", "telemetry_period"), problem, remedy)
    if broker.password_file and not broker.username:
        problem = "a password without a user name"
        yield document.problem(("broker", "password_file"), problem, "add `username: ...` or remove the password file")
    if broker.tls is not None and bool(broker.tls.certificate) != bool(broker.tls.key):
        given, other = ("certificate", "key") if broker.tls.certificate else ("key", "certificate")
        yield document.problem(("broker", "tls", given), f"a {given} without its {other}", f"add `{other}: ...`")
