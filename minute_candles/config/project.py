"""The folder that `.env`, logs and relative paths start from.

It is the clone, or the current folder of an installed package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CLONE = _PACKAGE.parent
_IS_CLONE = (_CLONE / "fetch_minute_data.py").is_file()

PROJECT_FOLDER = _CLONE if _IS_CLONE else Path.cwd()


def bundled_file(name: str) -> Path:
    """Return a data file of the project: at the top of a clone, inside an installed package."""
    return (_CLONE if _IS_CLONE else _PACKAGE / "config") / name
