"""What a message says: one alert as it is, many as one digest, the gravest first. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from minute_candles.alerts.rules import SEVERITIES, Severity
from minute_candles.core.korean import number

MOST_LINES = 20
"""Of a digest: Telegram takes 4,096 characters, a person fewer."""
_MOST_RULES = 4
_MARKS = {"info": "📈", "warning": "⚠️", "critical": "🚨"}


class Note(NamedTuple):
    """One alert in words; `subject` the symbol with its name, or what part of the collection; `link` may be empty."""

    severity: Severity
    rule: str
    subject: str
    text: str
    link: str = ""


class Message(NamedTuple):
    """What one notification says; `body` may have several lines."""

    severity: Severity
    title: str
    body: str


def digest(notes: Sequence[Note]) -> Message:
    """Return one message about at least one note."""
    ordered = sorted(notes, key=lambda note: -SEVERITIES.index(note.severity))
    first, many = ordered[0], len(notes)
    if many == 1:
        body = f"{first.text}\n{first.link}" if first.link else first.text
        return Message(first.severity, f"{_MARKS[first.severity]} {first.rule}: {first.subject}", body)
    counted = Counter(note.rule for note in ordered)
    rules = ", ".join(f"{rule} {number(count)}" for rule, count in counted.most_common(_MOST_RULES))
    lines = [f"{_MARKS[note.severity]} {note.rule}: {note.subject} · {note.text}" for note in ordered[:MOST_LINES]]
    lines += [f"… 그 밖에 {number(many - MOST_LINES)}건"] if many > MOST_LINES else []
    lines += [link.partition("?")[0]] if (link := next((note.link for note in ordered if note.link), "")) else []
    return Message(first.severity, f"{_MARKS[first.severity]} 알림 {number(many)}건 ({rules})", "\n".join(lines))


def message_of(kept: Sequence[str]) -> Message:
    """Return a message as it was kept. Raises `ValueError`, `TypeError`."""
    severity, title, body = map(str, kept)
    if severity not in SEVERITIES:
        raise ValueError(severity)
    return Message(severity, title, body)  # type: ignore[arg-type]
