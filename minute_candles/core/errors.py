"""The one ladder of errors: what went wrong, and therefore who has to do something.

    MinuteDataError                exit 1
    ├── ConfigError                exit 2   a setting, a flag, a key, the database's address: the user fixes it
    ├── AuthError                  exit 2   KIS refuses the key or the secret
    │   └── TokenRefused           exit 1   KIS hands out a token that it refuses
    ├── NotOffered                 exit 1   this environment has no such TR (EGW02006: a VTS key on history)
    ├── RateLimited                         EGW00201: wait, slow down, repeat
    ├── SourceError                exit 1   KIS answers wrongly or not at all: this symbol-day fails
    │   ├── BadRow                          a row that cannot be true
    │   └── Outage                 exit 1   nothing has come from KIS for minutes: stop asking
    ├── StoreError                 exit 1   the database refuses a write
    │   └── StoreLost              exit 1   the database stayed away beyond the patience
    ├── IncompleteData             exit 1   a reader who wanted whole days only: some are missing or unproven
    └── Stopped                    exit 130 the user asked to stop

Messages are Korean, say what happened and what to do next, and never hold a secret.
"""


class MinuteDataError(Exception):
    exit_code = 1


class ConfigError(MinuteDataError):
    exit_code = 2


class AuthError(MinuteDataError):
    exit_code = 2


class TokenRefused(AuthError):
    exit_code = 1


class NotOffered(MinuteDataError):
    pass


class RateLimited(MinuteDataError):
    pass


class SourceError(MinuteDataError):
    pass


class BadRow(SourceError):
    pass


class Outage(SourceError):
    pass


class StoreError(MinuteDataError):
    pass


class StoreLost(StoreError):
    pass


class IncompleteData(MinuteDataError):
    pass


class Stopped(MinuteDataError):
    exit_code = 130


class IncompleteWarning(UserWarning):
    """A range that was read holds days that are missing, unproven or provisional."""


class SplitWarning(UserWarning):
    """The adjusted range that was read holds a split: prices before it are not those that were paid. Or there may have
    been one since KIS was asked.
    """
