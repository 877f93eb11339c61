"""What is a host, and which one is this computer."""

import ipaddress
import re


def is_host(text: str) -> bool:
    """Return whether it is a name or an IPv4 or IPv6 address."""
    if re.fullmatch(r"[\w.-]+", text):
        return True
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether it is this computer."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
