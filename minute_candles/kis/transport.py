"""The way to KIS: a kept-alive session in which every call has a deadline, proxies and certificates."""

import os
import ssl
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from minute_candles.config.addresses import is_loopback
from minute_candles.core.errors import ConfigError
from minute_candles.core.timed_http import TimedAdapter
from minute_candles.kis.error_text import bundle_text

CALL_SECONDS = 20.0
"""Seconds that a whole call may take."""
MAX_BYTES = 4 * 2**20
"""The largest answer that is read; KIS's largest, 120 minutes, has 30 KB."""
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def new_session(base_url: str, connections: int, seconds: float = CALL_SECONDS) -> requests.Session:
    """Return a session of up to `connections` connections; TLS is verified, the environment's proxies are used.

    Raises `ConfigError` where the environment names a file of certificates that cannot be used.
    """
    session = requests.Session()
    session.auth = lambda request: request  # else a ~/.netrc entry would replace the authorization header
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    if session.trust_env:
        _check_bundle()
    adapter = TimedAdapter(seconds, MAX_BYTES, connections)
    session.mount(f"{urlsplit(base_url).scheme}://", adapter)
    return session


def proxy_variable(url: str) -> str:
    """Return the environment variable that names the proxy for this address; "" where none does (NO_PROXY counts)."""
    scheme = urlsplit(url).scheme
    if is_loopback(urlsplit(url).hostname or "") or not get_environ_proxies(url):
        return ""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), "")


def proxy_of(variable: str) -> str:
    """Return the address in this environment variable, which may hold a password."""
    return os.environ.get(variable, "")


def _check_bundle() -> None:
    variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    if variable is None:
        return
    path = os.environ[variable]
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(bundle_text(variable, path)) from error
