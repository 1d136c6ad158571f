# ruff: noqa: E501 - the messages are compared as whole lines
"""site.yaml: what is shipped loads, everything that is wrong is refused with file and line."""

import json
import re
from pathlib import Path

import pytest
import trustme

from controller.bridges.connection import read_password, tls_context
from controller.bridges.mqtt import MqttBridge
from controller.rig import Refused
from controller.rig.site import Broker, Site, Tls, load_site, site_schema
from tests.unit.bridges.bench import rig

CONFIGS = Path(__file__).parents[3] / "configs"

FULL = """site: 1
name: lab
broker:
  host: broker.example
  tls: {ca: ca.pem, certificate: panel.pem, key: panel.key}
  username: panel
  password_file: password.txt
  client_id: bench-1
  keepalive: 5 s
  telemetry_period: 1 s
"""


def refusal(text: str) -> str:
    with pytest.raises(Refused) as refused:
        load_site(text.encode(), "site.yaml")
    return str(refused.value)


def test_the_shipped_site_names_no_broker() -> None:
    assert load_site((CONFIGS / "site.yaml").read_bytes(), "site.yaml") == Site("lab")


def test_the_shipped_examples_load_when_they_are_uncommented() -> None:
    text = (CONFIGS / "site.yaml").read_text(encoding="utf-8")
    site = load_site(re.sub(r"^#(?=broker:|  )", "", text, flags=re.MULTILINE).encode(), "site.yaml")
    assert site.broker == Broker(
        "localhost",
        8883,
        Tls("certificates/ca.pem", "certificates/panel.pem", "certificates/panel.key"),
        "sparkgap-panel",
        "mqtt-password.txt",
        "sparkgap-lab-bench-1",
    )


def test_everything_given() -> None:
    tls = Tls("ca.pem", "panel.pem", "panel.key")
    expected = Broker("broker.example", 8883, tls, "panel", "password.txt", "bench-1", 5, 1.0)
    assert load_site(FULL.encode(), "site.yaml") == Site("lab", expected)


def test_a_host_is_enough() -> None:
    site = load_site(b"site: 1\nname: lab\nbroker: {host: localhost}\n", "site.yaml")
    assert site.broker == Broker("localhost", 1883)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("site: 1\n", "", "site.yaml:1: site: the version of the file is missing; add `site: 1` as the first line"),
        (
            "site: 1",
            "site: 2",
            "site.yaml:1: site: version 2 is newer than version 1, the newest this Sparkgap reads; update Sparkgap",
        ),
        (
            "name: lab",
            "name: Lab 1",
            "site.yaml:2: name: 'Lab 1' is not accepted; write lower-case letters, digits and underscores, starting with a letter",
        ),
        ("  host: broker.example\n", "", "site.yaml:3: broker.host: is missing; add `host: ...`"),
        (
            "keepalive: 5 s",
            "keepalive: 5",
            "site.yaml:9: broker.keepalive: the number 5 has no unit; write a time, for example 5 s",
        ),
        (
            "keepalive: 5 s",
            "keepalive: 0.5 s",
            "site.yaml:9: broker.keepalive: 0.5 s is not a keep-alive that MQTT can carry; write whole seconds from 1 s to 60 s",
        ),
        (
            "keepalive: 5 s",
            "keepalive: 2 min",
            "site.yaml:9: broker.keepalive: 120 s is not a keep-alive that MQTT can carry; write whole seconds from 1 s to 60 s",
        ),
        (
            "telemetry_period: 1 s",
            "telemetry_period: 1 ms",
            "site.yaml:10: broker.telemetry_period: 0.001 s between two telemetry messages is not possible; write a time from 20 ms (every frame) to 60 s",
        ),
        (
            "password_file: password.txt",
            "password: secret",
            "site.yaml:7: broker.password: unknown key; did you mean password_file?",
        ),
        (
            "  username: panel\n",
            "",
            "site.yaml:6: broker.password_file: a password without a user name; add `username: ...` or remove the password file",
        ),
        (", key: panel.key", "", "site.yaml:5: broker.tls.certificate: a certificate without its key; add `key: ...`"),
        (
            "client_id: bench-1",
            "client_id: bench 1",
            "site.yaml:8: broker.client_id: 'bench 1' is not a client id; use letters, digits, underscore, dot and hyphen",
        ),
        (
            "host: broker.example",
            "host: mqtt://broker.example",
            "site.yaml:4: broker.host: 'mqtt://broker.example' is no host name and no address; write for example localhost; the port has its own key",
        ),
    ],
)
def test_refusals(old: str, new: str, expected: str) -> None:
    assert old in FULL
    assert refusal(FULL.replace(old, new)) == expected


def test_the_exported_schema_is_current() -> None:
    assert (CONFIGS / "schema" / "site.json").read_text(encoding="utf-8") == site_schema()
    assert json.loads(site_schema())["additionalProperties"] is False
    first = (CONFIGS / "site.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema/site.json"


def opened(tmp_path: Path, text: str = FULL) -> str:
    with pytest.raises(Refused) as refused:
        MqttBridge(load_site(text.encode(), "site.yaml"), rig(), "1", tmp_path)
    return str(refused.value)


def test_files_that_cannot_be_used_are_refused_where_they_are_named(tmp_path: Path) -> None:
    assert (
        opened(tmp_path) == "site.yaml:7: broker.password_file: No such file or directory; write the password into it"
    )
    (tmp_path / "password.txt").write_text("\n")
    assert (
        opened(tmp_path)
        == "site.yaml:7: broker.password_file: the file is empty; write the password into its first line"
    )
    (tmp_path / "password.txt").write_text("secret\n")
    assert opened(tmp_path) == "site.yaml:5: broker.tls.ca: No such file or directory; name a readable PEM file"
    (tmp_path / "ca.pem").write_text("no certificate")
    assert opened(tmp_path).startswith("site.yaml:5: broker.tls.ca: ")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert (
        opened(tmp_path) == "site.yaml:5: broker.tls.certificate: No such file or directory; name a readable PEM file"
    )
    assert (
        opened(tmp_path, "site: 1\nname: lab\n") == "site.yaml:1: broker: no broker is named; add `broker: {host: ...}`"
    )


def test_files_that_can_be_used(tmp_path: Path) -> None:
    site = load_site(FULL.encode(), "site.yaml")
    assert site.broker is not None and site.broker.tls is not None
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("panel.example")
    certificate.private_key_pem.write_to_path(tmp_path / "panel.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "panel.pem")
    (tmp_path / "password.txt").write_text("se cret\nsecond line\n")
    assert read_password(site, site.broker, tmp_path) == "se cret"
    context = tls_context(site, site.broker.tls, tmp_path)
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
