"""Where things stand: the project's root and wings, these tests, and the pages and recordings shared beside it."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared"
WINGS = tuple(sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))


def sources() -> list[Path]:
    """Every Python file of the product: the doors and the wings."""
    return sorted([*ROOT.glob("*.py"), *(path for wing in WINGS for path in (ROOT / wing).rglob("*.py"))])
