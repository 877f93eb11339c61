"""Where things stand: the project's root, these tests, and the pages and recordings shared beside the project."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared"
WINGS = ("base", "cli", "collect", "config", "kis", "market", "simulator", "store")
