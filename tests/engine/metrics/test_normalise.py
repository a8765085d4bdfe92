"""Text as it is compared. The results were worked out by hand."""

import pytest

from engine.metrics.normalise import NAME, normalise


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("eng", "", ""),
        ("eng", " ... ", ""),
        ("eng", "Hello,  World!\n", "hello world"),
        ("eng", "one,two—three/four", "one two three four"),
        ("eng", "It's ‘Don’t’, she said.", "it's don't she said"),
        ("eng", "the boys' well-known 'ice-cream' - cold", "the boys well-known ice-cream cold"),
        ("eng", "non\N{NON-BREAKING HYPHEN}stop a--b", "non-stop a b"),
        ("eng", "rock'n'roll 'tis", "rock'n'roll tis"),
        ("eng", "3.5 € + 20 %", "3 5 € + 20"),
        ("eng", "ﬁne Ｆｕｌｌ ① …", "fine full 1"),
        ("spa", "¿Qué? ¡Mañana, «sí»!", "qué mañana sí"),
        ("spa", "manana\N{COMBINING TILDE} A\N{COMBINING ACUTE ACCENT}", "mananã á"),
        ("cat", "L’aigua del COL·LEGI; co\u0140legi.", "l'aigua del col·legi col·legi"),
        ("deu", "„Größe“ STRASSE", "größe strasse"),
        ("hin", "नमस्ते।  दुनिया!", "नमस्ते दुनिया"),
        ("ben", "পরিষদ বসবে।", "পরিষদ বসবে"),
        ("arb", "مرحبا، كيف الحال؟", "مرحبا كيف الحال"),
        ("kor", "안녕, 세계!", "안녕 세계"),
        ("cmn", "你好， 世界！ 使用 Python。", "你好世界使用python"),
        ("jpn", "「コーヒー・カップ」 です。", "コーヒーカップです"),
        ("tha", "สวัสดี ครับ", "สวัสดีครับ"),
        ("cmn", "wi-fi 好", "wi-fi好"),
        ("tur", "İstanbul", "i\N{COMBINING DOT ABOVE}stanbul"),
    ],
)
def test_what_nobody_hears_makes_no_difference(language: str, text: str, expected: str) -> None:
    made = normalise(text, language)
    assert made == expected
    assert normalise(made, language) == made


def test_its_name_says_what_it_does() -> None:
    assert NAME == "s2st-1: lower case, NFKC, no punctuation"
