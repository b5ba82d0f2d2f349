"""Every sentence stands in both languages, with the same slots."""

from __future__ import annotations

from importlib.resources import files

import pytest

from sriovlab.i18n import LANGUAGES, Words, slot_names, text, topic_keys, words

TOPICS = sorted(
    f.name.removesuffix(".toml")
    for f in files("sriovlab.i18n").joinpath("en").iterdir()
    if f.name.endswith(".toml")
)


def test_both_languages_have_the_same_topics() -> None:
    chinese = {f.name for f in files("sriovlab.i18n").joinpath("zh").iterdir() if f.name.endswith(".toml")}
    assert chinese == {f"{topic}.toml" for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_have_the_same_keys_and_slots(topic: str) -> None:
    english, chinese = (topic_keys(topic, language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, sentence in english.items():
        assert slot_names(sentence) == slot_names(chinese[key]), key
        assert sentence.strip(), key
        assert chinese[key].strip(), key


@pytest.mark.parametrize("topic", TOPICS)
def test_english_sentences_hold_no_chinese(topic: str) -> None:
    for key, sentence in topic_keys(topic, "en").items():
        assert not any("\u4e00" <= c <= "\u9fff" for c in sentence if c not in "中文"), key


def test_an_unknown_language_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="expected one of en, zh"):
        text("player.play", language="fr")


def test_a_slot_that_is_words_speaks_the_language() -> None:
    assert Words("a", "b").in_language("zh") == "b"


def test_plain_words_are_alike() -> None:
    assert Words.plain("0000:3b:02.1").zh == "0000:3b:02.1"


def test_a_key_nobody_wrote_is_an_error() -> None:
    with pytest.raises(KeyError):
        words("topology.no such key")
