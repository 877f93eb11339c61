"""Where things are: the project's root and packages, these tests, and the pages and recordings shared beside it."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared"
PACKAGES = tuple(sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))


def sources() -> list[Path]:
    """Return every Python file of the product: the scripts and the packages."""
    return sorted([*ROOT.glob("*.py"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))])
