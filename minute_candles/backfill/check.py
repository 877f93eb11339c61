"""`--check` and `--dry-run`: what is there, what is missing, how long fetching it takes; nothing is written."""

from collections.abc import Sequence
from datetime import datetime

from minute_candles.backfill.check_today import running_text, standings
from minute_candles.backfill.report import check_table, forecast, problems_first
from minute_candles.backfill.request import Wanted
from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core.korean import number
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring import single_instance, status_file
from minute_candles.storage.store import Store
from minute_candles.verification.plan import SymbolDay, unproven


def check(
    store: Store, want: Wanted, missing: Sequence[SymbolDay], settings: Settings, now: datetime,
    calendar: TradingCalendar, *, whole: bool,
) -> int:  # fmt: skip
    """Print what is there and what is not; return 1 where something is missing."""
    running = check_running(store, want, settings, now) if want.running else 0
    if want.running and not want.days:
        return running
    return max(running, check_closed(store, want, missing, calendar, whole=whole))


def check_running(store: Store, want: Wanted, settings: Settings, now: datetime) -> int:
    """Print what is stored of the running session, against what it has shown; return 1 where minutes lack."""
    assert want.running
    status = status_file.read(settings.log_dir) if single_instance.is_running(settings) else None
    found = standings(store, status, want.names, want.running, now)
    console.say(running_text(found, want.running, now))
    return 1 if any(one.missing for one in found) else 0


def check_closed(
    store: Store, want: Wanted, missing: Sequence[SymbolDay], calendar: TradingCalendar, *, whole: bool
) -> int:
    """Print the symbols with problems, all of them where `whole`; return 1 where something is missing."""
    if not want.days:
        console.say(want.nothing_traded)
        return 0
    doubtful = unproven(store, list(want.names), want.days)
    shown, remark = problems_first(want.names, missing, doubtful, calendar, whole=whole)
    if shown:
        spans = store.spans(dict.fromkeys(shown, datetime.max))
        console.say(check_table(shown, want.days, missing, spans, doubtful, by_day=len(want.names) == 1))
    if remark:
        console.say(f"\n{remark}" if shown else remark)
    total = number(len(want.names) * len(want.days))
    if missing:
        lost = number(len(missing))
        console.say(f"\n⚠️ {total}종목일 중 {lost}종목일이 빠져 있습니다. --check 없이 실행하면 채웁니다.")
        return 1
    console.say(f"\n✅ {total}종목일이 모두 있습니다 ({want.days[0]} ~ {want.days[-1]}).")
    return 0


def dry_run(want: Wanted, missing: Sequence[SymbolDay], calendar: TradingCalendar, rates: Sequence[float]) -> int:
    """Print how much there is to fetch, and how long it takes."""
    nothing = "✅ 받을 것이 없습니다. 모두 있습니다." if want.days else want.nothing_traded
    console.say(forecast(missing, calendar, rates) if missing else nothing)
    return 0
