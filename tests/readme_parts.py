"""The parts of README.md that are made: options, settings, faults, benchmarks, each between `<!-- name -->` marks.

    python tests/readme_parts.py       writes them; test_readme.py fails while they are out of date
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def part(name: str, text: str | None = None) -> str:
    """What stands between the marks of a part in README.md."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text or README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"README.md has no part {name}"
    return found[1].strip()


def options() -> str:
    blocks = (f"```text\n{_help(script)}```" for script in ("fetch_minute_data.py", "realtime_updater.py"))
    return "\n\n".join(blocks)


def _help(script: str) -> str:
    command = [sys.executable, script, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True).stdout


def settings() -> str:
    from settings import KEYS

    rows = [f"| `{key.name}` | {_default(key.default)} | {key.help} |" for key in KEYS]
    return "\n".join(["| 이름 | 기본값 | 뜻 |", "|---|---|---|", *rows])


def _default(text: str) -> str:
    return text if text.startswith("(") or re.search("[가-힣]", text) else f"`{text}`"


def faults() -> str:
    import fault_table

    return fault_table.markdown()


def benchmarks() -> str:
    """The section "README용 표" of benchmarks/README.md; what stands there already, where it is not written yet."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^#+ README용 표\n(.*?)(?=^#|^<!--|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else part("benchmarks")


PARTS: dict[str, Callable[[], str]] = {
    "help": options,
    "settings": settings,
    "faults": faults,
    "benchmarks": benchmarks,
}


def main() -> None:
    text = README.read_text(encoding="utf-8")
    for name, make in PARTS.items():
        made = make()
        whole = f"<!-- {name} -->\n{made}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, whole=whole: whole, text, flags=re.DOTALL)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
