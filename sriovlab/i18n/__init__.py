"""Every sentence a person reads, in English (`en`) and Simplified Chinese (`zh`).

One TOML file a topic and language, flat keys; `text("player.play")` reads key `play` of
`player.toml`. A key must exist in both languages; a test compares them.
"""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Words:
    """One sentence in both languages."""

    en: str
    zh: str

    @classmethod
    def plain(cls, text: str) -> Words:
        """Words that are the same in every language, such as an address or a driver's name."""
        return cls(text, text)

    def in_language(self, language: str) -> str:
        """The sentence in `language`.

        Raises:
            ValueError: not a language we have.
        """
        return self.zh if check_language(language) == "zh" else self.en


def check_language(language: str) -> str:
    """`language` itself, when we have it.

    Raises:
        ValueError: we do not; lists those we have.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r}: expected one of {', '.join(LANGUAGES)}")
    return language


@cache
def topic_keys(topic: str, language: str) -> dict[str, str]:
    """All sentences of one topic in one language, by key."""
    file = files(__package__) / language / f"{topic}.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return {key: str(value) for key, value in table.items()}


def text(key: str, *, language: str = "en", **slots: Any) -> str:
    """The sentence under `topic.key` with its slots filled; a slot that is `Words` speaks the language.

    Raises:
        KeyError: no such sentence, or a slot of it was not given.
        ValueError: not a language we have.
    """
    topic, _, name = key.partition(".")
    sentence = topic_keys(topic, check_language(language))[name]
    spoken = {k: v.in_language(language) if isinstance(v, Words) else v for k, v in slots.items()}
    return sentence.format(**spoken) if spoken or "{" in sentence else sentence


def words(key: str, **slots: Any) -> Words:
    """The sentence under `topic.key` in both languages; slots as for `text`."""
    return Words(en=text(key, language="en", **slots), zh=text(key, language="zh", **slots))


def slot_names(sentence: str) -> set[str]:
    """The named slots of a sentence.

    >>> sorted(slot_names("{vf} of {pf}"))
    ['pf', 'vf']
    """
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
