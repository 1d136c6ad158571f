"""PURE: what waits for the broker, bounded: telemetry goes first when there is too much, and is never sent late.

Retained topics are kept once each, whatever happens to the connection, so that a broker that forgot them is told again.
"""

from collections import deque

from controller.bridges.topics import Publication

TELEMETRY_MAX = 64
"""Telemetry messages: four seconds of a bench with three groups at 5 Hz; older telemetry is no news."""

REPORTS_MAX = 1000
"""Events and shots kept while the broker is away (safety.md hazard 31): several shots' worth."""

REPORT_BYTES_MAX = 4 << 20
"""Of all reports together; a thousand events are about 200 kB, a shot's result about 5 kB."""

RETAINED_MAX = 1024
"""Retained topics: three of the bench's own and one per alarm."""

PAYLOAD_BYTES_MAX = 256 << 10
"""No single message is larger; $meta of a thousand channels is about 150 kB."""


class Outbox:
    """First what is retained (the newest of each topic), then reports in order, then telemetry."""

    def __init__(self) -> None:
        self._retained: dict[str, Publication] = {}
        self._unsent: dict[str, Publication] = {}
        self._reports: deque[Publication] = deque()
        self._report_bytes = 0
        self._telemetry: deque[Publication] = deque()
        self.dropped_telemetry = 0
        self.dropped_reports = 0

    def __len__(self) -> int:
        return len(self._unsent) + len(self._reports) + len(self._telemetry)

    def put(self, publication: Publication) -> None:
        """Add one; whatever does not fit is dropped, oldest first, and counted."""
        if len(publication.payload) > PAYLOAD_BYTES_MAX:
            self._count(publication)
        elif publication.retain:
            self._keep(publication)
        elif publication.qos == 0:
            self._telemetry.append(publication)
            if len(self._telemetry) > TELEMETRY_MAX:
                self._telemetry.popleft()
                self.dropped_telemetry += 1
        else:
            self._reports.append(publication)
            self._report_bytes += len(publication.payload)
            while len(self._reports) > REPORTS_MAX or self._report_bytes > REPORT_BYTES_MAX:
                self._report_bytes -= len(self._reports.popleft().payload)
                self.dropped_reports += 1

    def first(self) -> Publication | None:
        """What should be sent next; it stays here until :meth:`remove`."""
        if self._unsent:
            return next(iter(self._unsent.values()))
        if self._reports:
            return self._reports[0]
        return self._telemetry[0] if self._telemetry else None

    @property
    def owes_reports(self) -> bool:
        """Whether anything waits that is worth the panel's last second: states, alarms, events, shots."""
        return bool(self._unsent or self._reports)

    def remove(self, publication: Publication) -> None:
        """Forget one that was sent (or given up). What replaced it in the meantime stays."""
        if self._unsent.get(publication.topic) is publication:
            del self._unsent[publication.topic]
        elif self._reports and self._reports[0] is publication:
            self._report_bytes -= len(self._reports.popleft().payload)
        elif self._telemetry and self._telemetry[0] is publication:
            self._telemetry.popleft()

    def connected(self) -> None:
        """A new connection: everything retained is due again, old telemetry is not."""
        self._unsent = dict(self._retained)
        self.dropped_telemetry += len(self._telemetry)
        self._telemetry.clear()

    def _keep(self, publication: Publication) -> None:
        topic = publication.topic
        known = self._retained.get(topic)
        if known == publication:
            return
        if known is None and len(self._retained) >= RETAINED_MAX:
            self._count(publication)
            return
        self._retained[topic] = publication
        self._unsent[topic] = publication

    def _count(self, publication: Publication) -> None:
        if publication.qos == 0:
            self.dropped_telemetry += 1
        else:
            self.dropped_reports += 1
