"""What a person or a program at standard output gets to see of a bench: progress, page, verdicts, and what follows."""

from dataclasses import dataclass
from pathlib import Path

from controller import messages
from controller.app.logs import LOGS
from controller.app.supervisor import Outcome, Started
from controller.cli.lines import stay_line
from controller.cli.page import open_browser
from controller.cli.result import json_line, junit_xml, print_result, result_object
from controller.cli.screens import Screen, choose_screen
from controller.cli.simulation import instrument_lines
from controller.cli.writer import Writer
from controller.sequencer.verdict import Exit, worst_exit


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for, beyond the core's own configuration.

    ``page`` starts the panel on ``port`` (0: a free one) for the site in file ``site``; ``stay`` keeps the bench up
    and watched after the run; ``browser`` shows the page in a window.
    """

    config: messages.RunConfig
    virtual: bool = False
    as_json: bool = False
    junit: str = ""
    page: bool = False
    port: int = 0
    site: str = ""
    stay: bool = False
    browser: bool = False

    @property
    def watches_only(self) -> bool:
        """Whether there is no run at all: ``sparkgap up``."""
        return self.config.mode == "watch"

    @property
    def log_dir(self) -> Path:
        """Where the logs of every process are."""
        return Path(self.config.out) / LOGS


class Show:
    """Shows one request. :meth:`finish` says the last word and gives the exit code."""

    def __init__(self, request: Request, writer: Writer, errors: Writer) -> None:
        self._request = request
        self._writer = writer
        self._errors = errors
        self._screen: Screen = choose_screen(writer, request.as_json, watching=request.watches_only)
        self._address = ""
        self._told_problems: tuple[str, ...] = ()
        self._junit_code: int = Exit.PASS
        self._run_ended = False

    def start(self) -> None:
        """Begin to show."""
        self._screen.start()

    def stop(self) -> None:
        """Give the terminal back; harmless when that was done."""
        self._screen.stop()

    def message(self, message: messages.Message) -> None:
        """Show one message from the bus."""
        self._screen.show(message)

    def stopping(self, reason: str) -> None:
        """Say that the bench is being brought to safe."""
        self._screen.stopping(reason)

    def started(self, started: Started) -> None:
        """The first object of ``--json``; for people where everything is, when that is all there is to show."""
        if self._request.as_json:
            page = {"panel": started.panel} if self._request.page else {}
            first = {"pids": dict(started.pids), **page, "instruments": dict(started.instruments)}
            self._writer.write_line(json_line(first))
        elif self._request.watches_only:
            self._writer.write_line(f"{_bench_name(self._request.config)}: the bench is up, Ctrl-C ends it")
            for line in instrument_lines(started.instruments):
                self._writer.write_line(line)

    def page(self, address: str) -> None:
        """Say where the page is, and show it in a window the first time if that was asked for."""
        self._screen.page(address)
        if not self._address and self._request.browser and self._writer.isatty():
            open_browser(address)
        self._address = address

    def ended(self, outcome: Outcome, stays: bool = False) -> None:
        """The run is over: its verdicts, and where the page still is."""
        self._run_ended = True
        self._screen.stop()
        self._screen = choose_screen(self._writer, self._request.as_json, watching=True)
        self._tell_problems(outcome)
        if outcome.finished is None:
            return
        if self._request.as_json:
            self._writer.write_line(json_line(result_object(outcome.finished)))
        else:
            print_result(outcome.finished, self._writer)
            if stays:
                self._writer.write_line(stay_line(self._address))
        self._junit_code = write_junit(self._request, outcome.finished, self._errors)

    def finish(self, outcome: Outcome) -> int:
        """Everything that was not said yet. Returns the exit code."""
        if not self._run_ended and not self._request.watches_only:
            self.ended(outcome)
        self._tell_problems(outcome)
        code = worst_exit([Exit(outcome.exit), Exit(self._junit_code)])
        if code >= Exit.ABORTED:
            self._errors.write_line(f"log: {self._request.log_dir}")
        return int(code)

    def _tell_problems(self, outcome: Outcome) -> None:
        for problem in outcome.problems[len(self._told_problems) :]:
            self._errors.write_line(problem)
        self._told_problems = outcome.problems


def _bench_name(config: messages.RunConfig) -> str:
    """As its rig.yaml says; the configuration may have a path."""
    from controller.app.preflight import read_rig

    return read_rig(config.rig)[0].name


def write_junit(request: Request, finished: messages.Finished, errors: Writer) -> int:
    """Write the JUnit file if one was asked for. Returns 0, or 5 when it could not be written."""
    if not request.junit:
        return Exit.PASS
    profile = Path(request.config.profile_path).stem
    try:
        Path(request.junit).write_bytes(junit_xml(finished, profile, _bench_name(request.config)))
    except OSError as error:
        errors.write_line(f"{request.junit}: {error.strerror}; the run is complete, its JUnit file is not")
        return Exit.INTERNAL
    return Exit.PASS
