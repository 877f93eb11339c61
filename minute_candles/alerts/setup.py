"""The alert rules and addresses as the user set them, checked before anything else is done, and put to work.

setup = set_up(settings)                                            # ConfigError: exit 2
with alerting(setup, settings, clock, store, names) as watch:
    watch(service)                                                  # for the operations rules
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import number
from minute_candles.storage.store import Store, open_alerts

if TYPE_CHECKING:
    from minute_candles.alerts.addresses import Address
    from minute_candles.alerts.health import Watched
    from minute_candles.alerts.rules import Rules

TOKENS = "alert_tokens"
"""A folder in LOG_DIR, for a service that issues new tokens (KakaoTalk)."""
_log = logging.getLogger(__name__)


class Setup(NamedTuple):
    """What to judge and where to send."""

    rules: "Rules"
    addresses: "list[Address]"


def set_up(settings: Settings) -> Setup | None:
    """Read rules and addresses; None without a rules file. Raises `ConfigError`."""
    if settings.integrations.alerts_file is None:
        return None
    return Setup(rules_of(settings), addresses_of(settings))


@contextmanager
def alerting(
    setup: Setup | None, settings: Settings, clock: Clock, store: Store, names: Mapping[str, str]
) -> "Iterator[Callable[[Watched], None]]":
    """Judge what `store` writes, until the end; nothing where there is no `setup`."""
    if setup is None:
        if settings.integrations.alert_urls:
            _log.warning("⚠️ ALERT_URLS 는 있지만 알림 규칙이 없습니다: cp alerts.example.toml alerts.toml")
        yield lambda _service: None
        return
    from minute_candles.alerts.delivery import Delivery
    from minute_candles.alerts.worker import Alerts

    with closing(open_alerts(settings.database, clock)) as table:
        delivery = Delivery(setup.addresses)
        alerts = Alerts(setup.rules, table, delivery, clock, names, settings)
        rules = len(setup.rules.market + setup.rules.operations)
        _log.info("🔔 알림 규칙 %s개, 보낼 곳 %s곳", number(rules), number(delivery.addresses))
        store.listeners.append(alerts.on_write)
        alerts.start()
        try:
            yield alerts.watch
        finally:
            store.listeners.remove(alerts.on_write)
            alerts.end()
            delivery.close()
            _log_unsent(delivery.waiting, kept=alerts.save_unsent())


def _log_unsent(waiting: int, *, kept: bool) -> None:
    if waiting:
        later = "오늘 다시 시작하면 보냅니다." if kept else "다시 시작해도 보내지 못합니다."
        _log.warning("⚠️ 보내지 못한 알림 %s건이 남았습니다. %s 차트의 목록에는 있습니다.", number(waiting), later)


def rules_of(settings: Settings) -> "Rules":
    """Read the rules file. Raises `ConfigError`: no file, a mistake in it, a package that is missing."""
    if settings.integrations.alerts_file is None:
        raise ConfigError("알림 규칙 파일이 없습니다. 만드세요: cp alerts.example.toml alerts.toml")
    _require("numpy", "talib")
    from minute_candles.alerts.rules import read

    return read(settings.integrations.alerts_file)


def addresses_of(settings: Settings) -> "list[Address]":
    """Parse `ALERT_URLS`. Raises `ConfigError`: an address that is none, a package that is missing."""
    if not settings.integrations.alert_urls:
        return []
    _require("numpy", "talib", "apprise")
    from minute_candles.alerts import addresses

    return addresses.addresses_of(settings.integrations.alert_urls, settings.log_dir / TOKENS)


def _require(*packages: str) -> None:
    for package in packages:
        extra(package, "알림")
