"""The page of a run: what is checked before anything opens, and showing it to the person at the terminal."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from controller import messages
from controller.app.locate import find_site
from controller.app.logs import LOGS
from controller.app.panel_child import PanelJob
from controller.app.ports import require_port
from controller.app.preflight import read_bounded
from controller.rig.site import Site, load_site

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
"""What is set where a browser can have a window."""

OPENERS = {"darwin": "open"}
"""The program that shows an address in the person's browser; ``xdg-open`` elsewhere."""


def panel_job(config: messages.RunConfig, port: int, site: str) -> PanelJob:
    """The panel for a run. Raises Refused for an unusable site file and a port that is taken."""
    path = find_site(site)
    _require_usable(load_site(read_bounded(path), str(path)), path.parent)
    require_port(port)
    panel = messages.PanelConfig(
        rig=config.rig,
        out=config.out,
        catalogue=config.catalogue,
        site=str(path),
        port=port,
        simulated=not config.lab,
    )
    return PanelJob(panel, Path(config.out) / LOGS)


def _require_usable(site: Site, folder: Path) -> None:
    """Raises Refused for files that the site names and that cannot be read."""
    if site.broker is None:
        return
    from controller.bridges.connection import read_password, tls_context

    read_password(site, site.broker, folder)
    if site.broker.tls is not None:
        tls_context(site, site.broker.tls, folder)


def open_browser(address: str) -> bool:
    """Show the page in a window, if this computer has any. Never waits, and never takes the terminal."""
    if sys.platform == "win32":
        os.startfile(address)
        return True
    opener = shutil.which(OPENERS.get(sys.platform, "xdg-open"))
    if opener is None or not (sys.platform == "darwin" or any(os.environ.get(name) for name in DISPLAYS)):
        return False
    threading.Thread(target=_open, args=(opener, address), name="open the page", daemon=True).start()
    return True


def _open(opener: str, address: str) -> None:
    # a session of its own has no terminal: a text browser that is all there is finds nothing to draw on
    subprocess.run(
        [opener, address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )
