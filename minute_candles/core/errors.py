"""The one ladder of errors: what went wrong, and therefore who has to do something.

    MinuteDataError                exit 1
    ├── ConfigError                exit 2   a setting, a flag, a key, the database's address: the user fixes it
    ├── AuthError                  exit 2   KIS refuses the key or the secret
    │   └── TokenRefused           exit 1   KIS hands out a token that it refuses
    ├── NotOffered                 exit 1   this environment has no such TR (EGW02006: a VTS key on history)
    ├── RateLimited                         EGW00201: wait, slow down, repeat
    ├── SourceError                exit 1   KIS answers wrongly or not at all: this symbol-day fails
    │   ├── BadRow                          a row that cannot be true
    │   └── Outage                 exit 1   nothing has come from KIS for minutes: stop calling
    ├── StoreError                 exit 1   the database refuses a write
    │   └── StoreLost              exit 1   the database stayed away beyond the patience
    ├── IncompleteData             exit 1   a reader who wanted whole days only: some are missing or unproven
    └── Stopped                    exit 130 the user requested a stop

Messages are Korean, say what happened and what to do next, and never hold a secret.
"""


class MinuteDataError(Exception):
    """Base of all: what went wrong, in Korean, and the exit code of a script that ends with it."""

    exit_code = 1


class ConfigError(MinuteDataError):
    """A setting, a flag, a key or an address is wrong."""

    exit_code = 2


class AuthError(MinuteDataError):
    """KIS refuses the key or the secret."""

    exit_code = 2


class TokenRefused(AuthError):
    """KIS issues a token and refuses it."""

    exit_code = 1


class NotOffered(MinuteDataError):
    """The environment has no such TR."""


class RateLimited(MinuteDataError):
    """Too many calls: wait, slow down, repeat."""


class SourceError(MinuteDataError):
    """KIS answers wrongly or not at all."""


class BadRow(SourceError):
    """A row that cannot be true."""


class Outage(SourceError):
    """Nothing has come from KIS for minutes."""


class StoreError(MinuteDataError):
    """The database refuses a write."""


class StoreLost(StoreError):
    """The database stayed away beyond the patience."""


class IncompleteData(MinuteDataError):
    """A reader required whole days, and some are missing or unproven."""


class Stopped(MinuteDataError):
    """The user requested a stop."""

    exit_code = 130


class IncompleteWarning(UserWarning):
    """A range that was read holds days that are missing, unproven or provisional."""


class SplitWarning(UserWarning):
    """The adjusted range that was read holds a split, or may: prices before it are not those that were paid."""
