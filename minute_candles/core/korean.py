"""Korean grammar for messages: the particle that fits the word before it, numbers with thousands separators."""

_FINAL_DIGITS = {"0": "ㅇ", "1": "ㄹ", "3": "ㅁ", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ"}
_FINAL_LETTERS = {"L": "ㄹ", "R": "ㄹ", "M": "ㅁ", "N": "ㄴ"}
"""Digits and letters whose Korean name ends in a consonant: 영, 일, 삼 …, 엘, 알, 엠, 엔."""
_HANGUL, _FINALS, _RIEUL = range(0xAC00, 0xD7A4), 28, 8


def particle(word: object, pair: str) -> str:
    """Return `word` with the particle of `pair` that fits it: "종목" and "은/는" make "종목은".

    `pair`: 은/는, 이/가, 을/를, 과/와 or 으로/로. The last letter, digit or syllable decides;
    a word of Latin letters is taken as spelled.
    """
    after_consonant, after_vowel = pair.split("/")
    final = _final(str(word))
    plain = not final or (final == "ㄹ" and after_vowel == "로")
    return f"{word}{after_vowel if plain else after_consonant}"


def _final(word: str) -> str:
    """Return the consonant that the word's last sound ends in (any but ㄹ is as good as another), or nothing."""
    last = next((character for character in reversed(word) if character.isalnum()), "")
    if last and ord(last) in _HANGUL:
        final = (ord(last) - _HANGUL.start) % _FINALS
        return "ㄹ" if final == _RIEUL else "ㄴ" * bool(final)
    return _FINAL_DIGITS.get(last) or _FINAL_LETTERS.get(last.upper(), "")


def number(count: int) -> str:
    """Return 8148 as "8,148"."""
    return f"{count:,}"
