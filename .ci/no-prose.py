"""Keep decisions out of prose (docs/dev/rules.md).

No Korean or emoji stands in comparisons, `in`, startswith/endswith or `re`.

    python .ci/no-prose.py        lists each place and exits 1

Rendering modules turn codes into Korean and never read it back; symbol files have Korean headers of their own.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOWED = {
    "minute_candles/config/symbols_file.py": "headers of symbol files as Excel and KRX write them",
    "minute_candles/console/console.py": "aligns the cells of a table that are numbers with a unit",
    "minute_candles/core/korean.py": "chooses a particle by the last syllable",
    "minute_candles/kis/http.py": "KIS's own text may name the token where its code is unknown",
    "minute_candles/storage/note_migration.py": "translates the Korean notes of older tables once",
}
METHODS = {"startswith", "endswith", "find", "index", "match", "search", "fullmatch", "compile", "split", "partition"}
SEPARATORS = dict.fromkeys(map(ord, "·…─×–"))
METHODS |= {"rpartition", "replace", "removeprefix", "removesuffix", "count", "sub"}


def literals(node: ast.AST) -> Iterator[str]:
    """Yield the non-ASCII text of a node."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and not part.value.isascii():
            yield part.value


def findings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each decision that looks into prose or an emoji. A separator such as " · " is neither."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            parts = list(node.args)
        for part in parts:
            yield from ((node.lineno, text) for text in literals(part) if not text.translate(SEPARATORS).isascii())


def main() -> int:
    """Check the scripts and the package; return the exit code."""
    root = Path(__file__).resolve().parent.parent
    count = 0
    for path in sorted([*root.glob("*.py"), *(root / "minute_candles").rglob("*.py")]):
        name = path.relative_to(root).as_posix()
        if name in ALLOWED or "node_modules" in name:
            continue
        for line, text in findings(ast.parse(path.read_text(encoding="utf-8"))):
            count += 1
            sys.stdout.write(f"{name}:{line}: reads prose: {text!r}\n")
    return 1 if count else 0


if __name__ == "__main__":
    raise SystemExit(main())
