"""Somebody who publishes to a broker as fast as it takes it, as a child: ``python -m controller.campaign.flood PORT``.

The topic is one of Sparkgap's own, below which nobody should publish; nothing in Sparkgap listens to a broker.
"""

import os
import socket
import sys

from controller.app.children import module_command

TOPIC = b"sparkgap/trial/any_bench/flood"
PAYLOAD = bytes(100)
BATCH = 500
"""Packets per write: about 70 kB, a socket buffer."""

NICE = 10
"""A flood comes from another machine: only its effect is of interest, not the time that making it takes."""


def flood_command(port: int) -> tuple[str, ...]:
    """The command that floods the broker on this port until it is ended."""
    return (*module_command("controller.campaign.flood"), str(port))


def connect_packet() -> bytes:
    """MQTT 3.1.1 CONNECT, clean session, no keep-alive."""
    client = b"flood"
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(client).to_bytes(2, "big") + client
    return bytes((0x10, len(body))) + body


def publish_packet() -> bytes:
    """MQTT PUBLISH, QoS 0; longer than 127 bytes, so its length takes two."""
    body = len(TOPIC).to_bytes(2, "big") + TOPIC + PAYLOAD
    return bytes((0x30, 0x80 | len(body) & 0x7F, len(body) >> 7)) + body


def main(port: int) -> None:
    """Publish until ended, or until the broker hangs up."""
    os.nice(NICE)
    batch = publish_packet() * BATCH
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(connect_packet())
        while True:
            link.sendall(batch)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except OSError as ended:
        sys.exit(str(ended))
