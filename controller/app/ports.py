"""The panel's place on this computer: a listening socket on loopback, or why it cannot be had."""

import os
import socket

from controller.rig.source import Problem, Refused

LOOPBACK = "127.0.0.1"
"""The only address the panel binds to while there are no accounts (design.md 4)."""

BACKLOG = 128
"""Connections the system keeps waiting: many browsers opening a page each."""


def bind(port: int) -> socket.socket:
    """A listening socket on loopback; ``port`` 0 takes a free one. Raises Refused when it cannot be had."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # a panel that is started again gets the port of the one before
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        problem = f"cannot be listened to on {LOOPBACK}: {error.strerror}"
        remedy = "end the program that uses it, give another --port, or leave --port out for a free one"
        raise Refused([Problem("--port", 0, str(port), problem, remedy)]) from None
    listener.setblocking(False)
    return listener


def require_port(port: int) -> None:
    """Raises Refused when ``port`` is taken now; 0 is always free."""
    if port:
        bind(port).close()
