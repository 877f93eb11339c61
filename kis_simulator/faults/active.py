"""What goes wrong from now on: the faults, inconsistencies and corporate actions that were added."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from kis_simulator.exchange.day import WHOLE_DAY
from kis_simulator.exchange.market import Market
from kis_simulator.faults import corporate_actions
from kis_simulator.faults.corporate_actions import FACTORS, CorporateAction
from kis_simulator.faults.faults import Fault
from kis_simulator.faults.inconsistencies import INCONSISTENCIES, Inconsistency

AnyFault = Fault | Inconsistency | CorporateAction
Rows = list[dict[str, str]]


class ActiveFaults:
    """Shared by REST and WebSocket; whoever changes it holds the router's lock."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.faults: list[Fault] = []
        self.inconsistencies: list[Inconsistency] = []
        self.actions: list[CorporateAction] = []

    def all(self) -> list[AnyFault]:
        """Return whatever was added, faults first."""
        return [*self.faults, *self.inconsistencies, *self.actions]

    def add(self, kind: str, **options: Any) -> AnyFault:  # noqa: ANN401 - the class of the fault checks them
        """Add one of its kind. Raises `TypeError` or `ValueError` for options that it does not have."""
        options = {"seed": self._seed, **options}
        if kind in FACTORS:
            self.actions.append(CorporateAction(kind, **options))
            return self.actions[-1]
        if kind in INCONSISTENCIES:
            self.inconsistencies.append(Inconsistency(kind, **options))
            return self.inconsistencies[-1]
        self.faults.append(Fault(kind, **options))
        return self.faults[-1]

    def clear(self) -> None:
        """Let everything be right again."""
        for kept in (self.faults, self.inconsistencies, self.actions):
            kept.clear()

    def strike(
        self, kinds: Collection[str], path: str, symbol: str | None = None, *,
        days: tuple[date, date] | None = None, key: str = "",
    ) -> Fault | None:  # fmt: skip
        """Return the first fault of these kinds that strikes this call."""
        fitting = (one for one in self.faults if one.kind in kinds and one.matches(path, symbol, days, key))
        return next((fault for fault in fitting if fault.strikes()), None)

    def shown(self, path: str, symbol: str, day: date, now: datetime) -> int:
        """Return the second of `day` up to which the final source shows it now."""
        return min((one.shown(path, symbol, day, now) for one in self.inconsistencies), default=WHOLE_DAY)

    def beyond(self, market: Market, symbol: str, day: date, minute: int) -> int:
        """Return the KRW by which the turnover of a streamed record is off, as REST reports it."""
        return sum(one.beyond(market, symbol, day, minute) for one in self.inconsistencies if not one.once)

    def reported(self, path: str, symbol: str, rows: Rows, now: datetime, market: Market, *, adjusted: bool) -> Rows:
        """Return rows as KIS reports them: announced, adjusted, then inconsistent."""
        if path == "daily":
            rows = corporate_actions.announced(self.actions, symbol, rows)
        if adjusted:
            rows = corporate_actions.adjusted(self.actions, symbol, rows, now)
        for one in self.inconsistencies:
            rows = one.spoil(path, symbol, rows, market)
        return rows
