"""How the tables get there: created, keyed, freed of duplicates; or one clear line why not.

`prepare` decides before the first call to KIS. `rehearse` decides the same and changes nothing: `--doctor` shows what
the next command would meet. Two first runs at once both succeed: a lock of the server lets one work at a time. Each
node of a cluster has a lock of its own; there, a table that exists already was made by the other run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.storage import ddl
from minute_candles.storage.connection import Connection
from minute_candles.storage.ddl import COVERAGE, KEY, KEY_NAME, PLAIN_COLUMNS, PRICES
from minute_candles.storage.driver import Dialect, Problem, Run
from minute_candles.storage.duplicates import count_duplicates, duplicates_by_symbol, remove_duplicates
from minute_candles.storage.layout import (
    CODED_COLUMNS,
    TableLayout,
    collation,
    find_key,
    inspect,
    read_columns,
    read_indexes,
)
from minute_candles.storage.messages import WarningLine
from minute_candles.storage.note_migration import translate_notes
from minute_candles.storage.table_checks import check_coverage, check_prices

_MOST_NAMED = 20
_DENIED = {Problem.DENIED, Problem.NO_DATABASE}
_HARMLESS = {Problem.ALREADY_MADE, Problem.INVALID}
"""What a probe ends with where the right is there: no such table or column, or one that exists."""
_RIGHTS, _CHANGING = "SELECT, INSERT, UPDATE, DELETE", "CREATE, ALTER, INDEX"
_PROBES = (
    "SELECT {1} FROM {0} WHERE FALSE", "INSERT INTO {0} ({1}) SELECT {1} FROM {0} WHERE FALSE",
    "UPDATE {0} SET {1} = {1} WHERE FALSE", "DELETE FROM {0} WHERE FALSE",
)  # fmt: skip
STANDS = f"✅ {PRICES} 테이블이 존재합니다."


def prepare(
    connection: Connection, database: Database, clock: Clock, *, dedupe: bool, read_only: bool
) -> tuple[TableLayout, list[str]]:
    """Check both tables and, unless `read_only`, make them ready; the layout and lines to log. Raises `ConfigError`."""
    job = _Preflight(connection, database, clock)

    def work(run: Run) -> tuple[TableLayout, list[str]]:
        lines = job.report(run, dedupe=dedupe) if read_only else job.make_ready(run, dedupe=dedupe)
        return inspect(run, connection.dialect), lines

    return connection.transaction(work, unhurried=not read_only)


def rehearse(connection: Connection, database: Database, clock: Clock) -> None:
    """Raise the `ConfigError` or `StoreError` with which `prepare` would end; nothing is changed."""
    connection.transaction(_Preflight(connection, database, clock).rehearse, unhurried=True)


class _Preflight:
    def __init__(self, connection: Connection, database: Database, clock: Clock) -> None:
        self._connection, self._database, self._clock = connection, database, clock

    @property
    def _dialect(self) -> Dialect:
        return self._connection.dialect

    def report(self, run: Run, *, dedupe: bool) -> list[str]:
        """Return what was found, and what `dedupe` would remove; nothing is changed."""
        if not self._exists(run, PRICES):
            return [WarningLine(f"⚠️ {PRICES} 테이블이 없습니다. 수집을 실행하면 만들어집니다.")]
        check_prices(run, self._dialect)
        lines = [STANDS, *([] if self._key(run) else [_without_key(run, dedupe=dedupe)])]
        if not self._exists(run, COVERAGE):
            return lines
        if missing := self._missing_codes(run):
            lines.append(WarningLine(f"⚠️ {COVERAGE} 테이블에 {', '.join(missing)} 열이 없습니다. 수집하면 추가됩니다."))
        return lines + self._other_collation(run)

    def rehearse(self, run: Run, *, dedupe: bool = False) -> None:
        """Decide all that `make_ready` decides, by statements that touch no row and make no table."""
        has_prices = self._exists(run, PRICES)
        if has_prices:
            check_prices(run, self._dialect)
        if self._exists(run, COVERAGE):
            check_coverage(run, self._dialect)
        self._check_rights(run)
        if has_prices and self._key(run) is None and not dedupe and (extra := count_duplicates(run)):
            raise _duplicates_error(extra)

    def make_ready(self, run: Run, *, dedupe: bool) -> list[str]:
        """Create and change what has to be; return the lines to log."""
        with self._alone(run):
            self.rehearse(run, dedupe=dedupe)
            return [*self._make_prices(run, dedupe=dedupe), *self._make_coverage(run)]

    def _make_prices(self, run: Run, *, dedupe: bool) -> list[str]:
        if not self._exists(run, PRICES):
            self._execute(run, ddl.statements(ddl.PRICES_DDL, self._dialect))
            return [f"✅ {PRICES} 테이블을 만들었습니다."]
        if self._key(run) is None:
            return [STANDS, *self._add_key(run, dedupe=dedupe)]
        return [STANDS, *(["✅ 고유 키가 있어 중복된 행이 없습니다."] if dedupe else [])]

    def _make_coverage(self, run: Run) -> list[str]:
        """Create the table with the collation of the prices, or give an older one its codes and translate its notes."""
        if not self._exists(run, COVERAGE):
            own = collation(run, self._dialect, PRICES)
            self._execute(run, ddl.statements(ddl.COVERAGE_DDL, self._dialect, own))
            return [f"✅ {COVERAGE} 테이블을 만들었습니다."]
        missing, lines = self._missing_codes(run), []
        if missing:
            self._execute(run, ddl.add_codes(missing, self._dialect))
            lines.append(f"✅ {COVERAGE} 테이블에 {', '.join(missing)} 열을 추가했습니다.")
        if translated := translate_notes(run):
            lines.append(f"✅ {COVERAGE} 의 메모 {translated:,}건을 까닭 코드(reasons)로 옮겼습니다.")
        return lines + self._other_collation(run)

    def _add_key(self, run: Run, *, dedupe: bool) -> list[str]:
        removed = remove_duplicates(run, self._dialect, self._clock) if dedupe else 0
        if extra := count_duplicates(run):
            raise _duplicates_error(extra)
        self._execute(run, [ddl.add_key(self._dialect)])
        lines = [f"✅ 고유 키를 추가했습니다: {KEY_NAME} ({', '.join(KEY)})"]
        return [f"✅ 중복된 행 {removed:,}건을 지웠습니다.", *lines] if dedupe else lines

    def _execute(self, run: Run, statements: Sequence[str]) -> None:
        """Run DDL; where another run was first, it has made the same."""
        for statement in statements:
            with self._naming_the_sql(statement, "" if self._dialect == "sqlite" else self._grant(run, _CHANGING)):
                try:
                    run(statement)
                except self._connection.errors as error:
                    if self._connection.judge(error).problem is not Problem.ALREADY_MADE:
                        raise

    def _check_rights(self, run: Run) -> None:
        """Notice a read-only server and an account that may not do what `make_ready` and a run do.

        Each probe is refused for the right, or ends in an error that does no harm: a server checks rights first.
        """
        if self._dialect == "sqlite":
            self._check_rights_of_a_file(run)
            return
        with self._naming_the_sql(self._grant(run, _RIGHTS)):
            for table, column in PLAIN_COLUMNS.items():
                for probe in _PROBES:
                    self._probe(run, probe.format(table, column))
        for statement, refused_later in self._changes(run):
            with self._naming_the_sql(statement, self._grant(run, _CHANGING)):
                self._probe(run, refused_later)

    def _check_rights_of_a_file(self, run: Run) -> None:
        layout = inspect(run, self._dialect)
        for table, found in ((PRICES, layout.prices), (COVERAGE, layout.coverage)):
            if found:
                update = _PROBES[2].format(table, PLAIN_COLUMNS[table])
                run(update)

    def _changes(self, run: Run) -> Iterator[tuple[str, str]]:
        """Return each statement that has to change a table, and its rehearsal.

        The rehearsal is a like statement that fails after the server has checked the right.
        """
        for table, text in ((PRICES, ddl.PRICES_DDL), (COVERAGE, ddl.COVERAGE_DDL)):
            if not self._exists(run, table):
                yield text, f"CREATE TABLE {table} (stock_symbol INT, stock_symbol INT)"
        if self._exists(run, PRICES) and self._key(run) is None:
            yield ddl.add_key(self._dialect), f"{ddl.add_key(self._dialect)}, ADD COLUMN stock_symbol INT"
        if self._exists(run, COVERAGE) and (missing := self._missing_codes(run)):
            [statement] = ddl.add_codes(missing, self._dialect)
            yield statement, f"{statement}, ADD COLUMN stock_symbol INT"

    def _probe(self, run: Run, statement: str) -> None:
        try:
            run(statement)
        except self._connection.errors as error:
            if self._connection.judge(error).problem not in _HARMLESS:
                raise

    def _grant(self, run: Run, rights: str) -> str:
        """Return the GRANT of these rights to the account as the server knows it."""
        user, _, host = str(run("SELECT CURRENT_USER()")[0][0]).rpartition("@")
        return f"GRANT {rights} ON `{self._database.name}`.* TO '{user}'@'{host}'"

    def _exists(self, run: Run, table: str) -> bool:
        return bool(read_columns(run, self._dialect, table))

    def _key(self, run: Run) -> str | None:
        return find_key(read_indexes(run, self._dialect))

    def _missing_codes(self, run: Run) -> list[str]:
        names = {column.name for column in read_columns(run, self._dialect, COVERAGE)}
        return [name for name in CODED_COLUMNS if name not in names]

    def _other_collation(self, run: Run) -> list[str]:
        """Return the line that names an older table whose collation makes a JOIN with the prices fail (1267)."""
        wanted, found = (collation(run, self._dialect, table) for table in (PRICES, COVERAGE))
        if wanted == found or not wanted:
            return []
        return [
            WarningLine(
                f"⚠️ {COVERAGE} 의 문자 정렬({found})이 {PRICES}({wanted})와 달라 "
                "두 테이블의 JOIN이 실패할 수 있습니다. "
                f"다음 SQL로 맞추세요: ALTER TABLE {COVERAGE} MODIFY {ddl.symbol_column(wanted)};"
            )
        ]

    @contextmanager
    def _naming_the_sql(self, sql: str, grant: str = "") -> Iterator[None]:
        """Turn a missing right into a `ConfigError` with what somebody with rights has to run: `grant` or `sql`."""
        try:
            yield
        except self._connection.errors as error:
            failure = self._connection.judge(error)
            if failure.problem not in _DENIED:
                raise
            either = f"{grant}; 또는: " if grant else ""
            raise ConfigError(
                f"{self._database.user} 계정에 필요한 권한이 없습니다 {failure.mark}. "
                f"권한이 있는 계정으로 다음 SQL을 실행하세요: {either}{' '.join(sql.split())};"
            ) from None

    @contextmanager
    def _alone(self, run: Run) -> Iterator[None]:
        """Let one process work at a time; SQLite's transaction is alone anyway."""
        if self._dialect == "sqlite":
            yield
            return
        name = f"minute_data:{self._database.name.lower()}"[:64]
        while run("SELECT GET_LOCK(%s, 1)", name)[0][0] != 1:
            self._clock.check()
        try:
            yield
        finally:
            run("SELECT RELEASE_LOCK(%s)", name)


def _duplicates_error(extra: int) -> ConfigError:
    return ConfigError(
        f"{PRICES}에 중복된 행이 {extra:,}건 있어 고유 키를 추가할 수 없습니다. "
        "--dedupe 옵션으로 다시 실행하면 종목·간격·시각마다 가장 새로운 행만 남깁니다."
    )


def _without_key(run: Run, *, dedupe: bool) -> str:
    """Return what collecting would do about the missing key."""
    if dedupe and (rows := duplicates_by_symbol(run)):
        named = ", ".join(f"{symbol} {int(count):,}건" for symbol, count in rows[:_MOST_NAMED])
        more = f" 외 {len(rows) - _MOST_NAMED}종목" if len(rows) > _MOST_NAMED else ""
        total = sum(int(count) for _, count in rows)
        return WarningLine(
            f"⚠️ --dedupe 가 지울 행 {total:,}건 (종목·간격·시각마다 가장 새로운 행만 남김): {named}{more}"
        )
    if extra := count_duplicates(run):
        return WarningLine(
            f"⚠️ {PRICES}에 고유 키가 없고 중복된 행이 {extra:,}건 있어 수집은 시작되지 않습니다. "
            "--dedupe 로 실행하면 가장 새로운 행만 남기고 키를 추가합니다."
        )
    return WarningLine(f"⚠️ {PRICES}에 고유 키가 없습니다. 수집하면 추가됩니다.")
