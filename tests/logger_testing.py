"""The package's logger, left as it was: a script that runs in the test's process sets it up for itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logger_as_it_was() -> Iterator[None]:
    """Close the handlers that were added, and restore the others, the filters and the level."""
    log = logging.getLogger("minute_candles")
    level, handlers, filters, propagate = log.level, log.handlers[:], log.filters[:], log.propagate
    try:
        yield
    finally:
        for handler in [one for one in log.handlers if one not in handlers]:
            handler.close()
        log.handlers[:], log.filters[:], log.propagate = handlers, filters, propagate
        log.setLevel(level)
