"""The parts of README.md and docs/ that are made: options, settings, soak, speed, each between `<!-- name -->` marks.

python docs/readme_parts.py   writes them; tests/test_readme.py fails while they are out of date
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
sys.path.insert(0, str(ROOT))


def text() -> str:
    """Return README.md and docs/*.md as one text."""
    return "\n".join(paper.read_text(encoding="utf-8") for paper in PAPERS)


def part(name: str) -> str:
    """Return what stands between the marks of a part, wherever it stands; once."""
    found = re.findall(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text(), re.DOTALL)
    assert len(found) == 1, f"{len(found)} papers have a part {name}"
    return str(found[0]).strip()


def options() -> str:
    """Return the `--help` of the four commands."""
    how = {"cwd": ROOT, "capture_output": True, "text": True, "encoding": "utf-8"}
    scripts = ("fetch_minute_data.py", "realtime_updater.py", "live_chart.py", "export_candles.py")
    helps = (subprocess.run([sys.executable, script, "--help"], check=True, **how).stdout for script in scripts)
    return "\n\n".join(f"```text\n{text}```" for text in helps)


def settings() -> str:
    """Return the table of settings, from `config.settings.KEYS`."""
    from minute_candles.config.settings import KEYS

    default = lambda text: text if text.startswith("(") or re.search("[가-힣]", text) else f"`{text}`"  # noqa: E731
    rows = [f"| `{key.name}` | {default(key.default)} | {key.help} |" for key in KEYS]
    return "\n".join(["| 이름 | 기본값 | 뜻 |", "|---|---|---|", *rows])


def soak() -> str:
    """Return the table of tests/SOAK.md, the last results of `make soak`."""
    text = (ROOT / "tests" / "SOAK.md").read_text(encoding="utf-8")
    return text[text.index("|") :].strip()


SHOWN = (
    ("쿼터 효율, 초당 18회 (답까지 50 / 200 / 600 ms)", "quota", r"^18/s .*흔들림 5 ms"),
    ("같은 것, 가는 길이 60 ms까지 흔들릴 때", "quota", r"^18/s .*흔들림 60 ms"),
    ("쿼터 효율, 초당 100회", "quota", r"^100/s"),
    ("분봉 호출 ÷ 최소 (97 / 194종목)", "backfill", r"분봉 호출"),
    ("그 밖의 호출, 종목당 (97 / 194종목)", "backfill", r"그 밖의 호출"),
    ("97종목 × 21일: CPU (초)", "backfill", r"^97종목: CPU"),
    ("최대 메모리 (97 / 194종목, MB)", "backfill", r"최대 메모리"),
    ("저장 ÷ 한 행씩 INSERT (MariaDB / MySQL)", "store", r"한 행씩의 몇 배"),
    ("저장 ÷ LOAD DATA (MariaDB / MySQL)", "store", r"LOAD DATA의 몇 배"),
    ("라운드, 540종목을 키 1 / 2 / 4개로 (초)", "keys", r"종목 라운드, 키"),
    ("할 일이 없을 때, 약 99만 행 (MariaDB / MySQL, 초)", "nothing", r"모두 있을 때"),
    ("라운드, 초당 18회: 활발 30종목 / 97종목 모두 저장까지 (초)", "round", r"^97종목 라운드: (활발|모두)"),
    ("분이 끝나고 저장까지, 30 / 97종목 (초, :03에 시작)", "round", r"분이 끝나고"),
    ("종목일 하나: 10종목 10만 행 / 500종목 1,000만 행", "growth", r"^10종목|42거래일"),
    ("시작: `--help` (초)", "startup", r"--help"),
)
"""Lines of the README's table: a label, the benchmark, and which of its lines."""


def benchmarks() -> str:
    """Return the last results of `make bench` (benchmarks/results.json) in short: medians, without their spread."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    rows = ["| 항목 | 결과 | 목표 |", "|---|---|---|"]
    for label, name, which in SHOWN:
        lines = [line for line in results[name]["lines"] if re.search(which, line["what"])]
        values = " / ".join(re.sub(r" \([^)]*\)| · 종목일마다.*", "", line["value"]) for line in lines)
        targets = " / ".join(dict.fromkeys(line["target"] for line in lines))
        met = {line["met"] for line in lines} - {None}
        rows.append(f"| {label} | {values} | {targets}{' ✅' * (met == {True})}{' ❌' * (False in met)} |")
    when = min(result["when"] for result in results.values())[:10]
    return "\n".join([*rows, "", f"{results['quota']['machine']}, {when}. 다시 재기: `make bench`"])


PARTS = {"help": options, "settings": settings, "soak": soak, "benchmarks": benchmarks}


def main() -> None:
    """Write every part between its marks."""
    made = {name: make() for name, make in PARTS.items()}
    for paper in PAPERS:
        page = paper.read_text(encoding="utf-8")
        for name, content in made.items():
            whole = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
            page = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, whole=whole: whole, page, flags=re.DOTALL)
        paper.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
