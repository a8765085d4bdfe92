"""How fast people read subtitles, by language."""

from engine.text.graphemes import graphemes

CHARACTERS_A_SECOND = 17
"""For adults, as Netflix's Timed Text Style Guides ask of most languages; spaces count."""
_OWN = {"cmn": 9, "cmn_Hant": 9, "yue": 9, "jpn": 4, "kor": 12}
"""What the guides of these languages ask: a character says more there."""


def reading_ms(text: str, language: str) -> int:
    """How long a subtitle wants to be read."""
    speed = _OWN.get(language, CHARACTERS_A_SECOND)
    return -(-1000 * len(graphemes(text)) // speed)
