"""docs/dev/rules.md: every rule is kept by a module and shown by a test that are there, and cited by its name."""

import ast
import importlib.util
import re

from places import ROOT, sources

PAGE = (ROOT / "docs" / "dev" / "rules.md").read_text(encoding="utf-8")
RULES = re.findall(r"^## (.+)\n\n.+\n\nKept by `([^`]+)`, shown by `([^`:]+)::(\w+)`\.$", PAGE, re.MULTILINE)


def test_every_rule_is_kept_by_a_module_and_shown_by_a_test_that_are_there() -> None:
    assert len(RULES) == PAGE.count("\n## ") == 18
    for rule, module, file, test in RULES:
        assert (ROOT / module).is_file(), rule
        assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), rule


def test_only_rules_that_are_there_are_cited() -> None:
    names = {rule for rule, *_ in RULES}
    for path in sources():
        text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        assert not re.search(r"\(laws? \d|design\.md|kis_api\.md|\.\./shared", text), path
        assert set(re.findall(r"rules? \"([A-Z][^\"]+)\"", text)) <= names, path


def test_a_decision_that_reads_prose_is_found() -> None:
    spec = importlib.util.spec_from_file_location("no_prose", ROOT / ".ci" / "no-prose.py")
    assert spec and spec.loader
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    for line in ('if "없음" in note: pass', 'note.startswith("⚠️")', 're.match("분봉", key)', 'a == "빠짐"'):
        assert list(check.findings(ast.parse(line))), line
    assert not list(check.findings(ast.parse('say("없음"); text.split(" · ")')))
