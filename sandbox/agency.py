"""The simulated agency: every vendor on its own port, one history, one calendar."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.clock import BUSINESS_ZONE, DEFAULT_NOW, Calendar, LimitClock, days_between
from sandbox.control import control_app
from sandbox.errors import SandboxError
from sandbox.faults import Faults
from sandbox.gate import Gate, Request
from sandbox.ledger import Truth
from sandbox.ledger.changes import changes_of
from sandbox.ledger.rows import Row
from sandbox.limits import Caps
from sandbox.orders.book import OrderBook
from sandbox.orders.delivery import Deliveries, Delivery
from sandbox.plans import Plan
from sandbox.quirks import Quirks
from sandbox.scenarios import prepare, world_of
from sandbox.server import Server
from sandbox.stage import Message, Stage, Vendor
from sandbox.vendors.everflow import Everflow
from sandbox.vendors.google_sheets import GoogleSheets
from sandbox.vendors.mautic import Mautic
from sandbox.vendors.posthog import PostHog
from sandbox.vendors.redtrack import RedTrack
from sandbox.vendors.resend import Resend
from sandbox.vendors.s3 import S3
from sandbox.vendors.slack import Slack
from sandbox.vendors.twilio import Twilio
from sandbox.world import Alteration

DEFAULT_SEED = 713
HISTORY_DAYS = 95


class Agency:
    """Servers run from `start` (or `with`) until `close`.

    `speed` is simulated seconds per real second, 0 for a calendar that only `set_now` moves; rate
    limits run `limit_speed` times faster than real time, independent of the calendar. `port_base`
    gives the vendors consecutive ports, otherwise they take free ones.

    Raises SandboxError for an unknown scenario and for a port in use.
    """

    def __init__(
        self,
        seed: int = DEFAULT_SEED,
        now: datetime = DEFAULT_NOW,
        scenario: str = "default",
        *,
        speed: float = 0.0,
        limit_speed: float = 60.0,
        host: str = "127.0.0.1",
        port_base: int | None = None,
        history_days: int = HISTORY_DAYS,
    ) -> None:
        self.calendar = Calendar(now, speed)
        self.caps = Caps()
        self.stage = Stage(
            world_of(scenario, seed), self.calendar, LimitClock(max(limit_speed, speed)), self.caps
        )
        self.first_day: date = self.calendar.today() - timedelta(days=history_days)
        self._files = Deliveries(self.stage.world, OrderBook(self.stage.world))
        self.s3 = S3(self.stage, self._deliveries)
        self.google_sheets = GoogleSheets(self.stage)
        self._vendors: tuple[Vendor, ...] = (
            Everflow(self.stage),
            RedTrack(self.stage),
            self.s3,
            Slack(self.stage),
            Resend(self.stage),
            Twilio(self.stage),
            PostHog(self.stage),
            Mautic(self.stage),
            self.google_sheets,
        )
        self.faults = Faults(self.vendors, self.calendar)
        prepare(scenario, self.stage.world, self.calendar, self.faults)
        self.requests: list[Request] = []
        self._closing = threading.Event()
        self._host = host
        self._port_base = port_base
        self._servers: dict[str, Server] = {}
        self._truths: dict[tuple[str, date, date, int], Truth] = {}

    @property
    def vendors(self) -> tuple[str, ...]:
        return tuple(vendor.name for vendor in self._vendors)

    @property
    def quirks(self) -> Quirks:
        """Vendor behavior that a test may switch on."""
        return self.stage.quirks

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(self.stage.world.profiles)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        try:
            # every port first: a conflict is reported before anything answers
            for place, vendor in enumerate(self._vendors):
                port = self._port_base + place if self._port_base else 0
                self._servers[vendor.name] = Server(vendor.name, self._host, port)
            control_port = self._port_base + len(self._vendors) if self._port_base else 0
            self._servers["control"] = Server("control", self._host, control_port)
            self._servers["control"].start(control_app(self))
            for vendor in self._vendors:
                server = self._servers[vendor.name]
                app = vendor.app(server.base_url)
                server.start(Gate(vendor.name, app, self.faults, self.requests, self._closing))
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        self._closing.set()
        if self._servers:
            # each waits for its server's poll: in parallel no longer than one
            with ThreadPoolExecutor(len(self._servers)) as pool:
                list(pool.map(Server.stop, self._servers.values()))
            for vendor in self._vendors:
                vendor.close()
        self._servers = {}

    def base_url(self, vendor: str) -> str:
        return self._servers[vendor].base_url

    @property
    def control_url(self) -> str:
        """The URL of `/_sandbox/now`, `/_sandbox/messages` and `/_sandbox/truth/<client>`."""
        return self._servers["control"].base_url

    def environment(self) -> dict[str, str]:
        """Variables that point SignalRoom at every vendor, and set its business time to this one.

        Frozen if the calendar is held; otherwise it runs as fast as the calendar, from now on.
        """
        if not self._servers:
            raise SandboxError("the simulated agency is not running")
        if self.calendar.speed:
            found = {
                "SIGNALROOM_NOW": self.now().isoformat(),
                "SIGNALROOM_CLOCK_FACTOR": f"{self.calendar.speed:g}",
                "SIGNALROOM_CLOCK_SINCE": datetime.now(UTC).isoformat(),
            }
        else:
            found = {"SIGNALROOM_NOW": self.now().isoformat(timespec="seconds")}
        for vendor in self._vendors:
            found |= vendor.environment(self.base_url(vendor.name))
        return found

    def now(self) -> datetime:
        """Simulated now, in the business zone."""
        return self.calendar.now().astimezone(BUSINESS_ZONE)

    def set_now(self, now: datetime) -> None:
        """Set simulated time; the vendors' answers follow."""
        self.calendar.set_now(now)

    def truth(self, client: str, start: date | None = None, end: date | None = None) -> Truth:
        """What raw tables and marts contain after a complete pull of those days, now.

        Default: the whole history up to today. Orders are from all files, whatever the days.
        """
        key = (client, start or self.first_day, end or self.calendar.today(), self.stage.now())
        if key not in self._truths:
            self._truths[key] = Truth(
                self.stage.world, *key, self.calendar.today(), lambda: self._deliveries(client)
            )
        return self._truths[key]

    def plan(self, *plans: Plan) -> None:
        """Change past days, before or while the product reads them.

        Raises SandboxError for a change that its day has no row for.
        """
        self.stage.world.plan(*plans)
        self._truths.clear()

    def alter(self, client: str, day: date, alteration: Alteration) -> None:
        """Plant an anomaly in a day, such as one of `sandbox.anomalies`."""
        self.stage.world.alter(client, day, alteration)
        self._truths.clear()

    def changes(
        self, client: str, before: datetime, after: datetime, start: date, end: date
    ) -> list[Row]:
        """Why those closed days differ between two instants, by line, measure and cause.

        The amounts of a line add up to its change in `daily_performance`, whose labels they carry;
        whether an affiliate is internal is taken from the current file.
        """
        first, last = (int(moment.timestamp()) for moment in (before, after))
        directory = self.truth(client).directory
        days = (self.stage.world.day(client, day) for day in days_between(start, end))
        return [row for log in days for row in changes_of(log, directory, first, last)]

    def write_truth(self, folder: Path) -> list[Path]:
        """A folder of CSV files per client."""
        return [
            path for client in self.clients for path in self.truth(client).write(folder / client)
        ]

    @property
    def messages(self) -> list[Message]:
        """What the messaging vendors accepted, oldest first."""
        return self.stage.mailbox.all()

    def _deliveries(self, client: str) -> list[Delivery]:
        return self._files.between(client, self.first_day, self.calendar.today())
