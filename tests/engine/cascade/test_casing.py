"""Capitals of recognised words and of translations: tables worked out by hand."""

from shutil import which

import pytest

from engine.cascade.casing import settled, with_capitals
from engine.cascade.mt.apertium import ApertiumTranslator


@pytest.mark.parametrize(
    ("heard", "cased"),
    [
        ("i think i'm late", "I think I'm late"),
        ("on sunday and on mondays", "on Sunday and on Mondays"),
        ("it's tuesday's meeting in january", "it's Tuesday's meeting in January"),
        (
            "she speaks english with two germans in spain",
            "she speaks English with two Germans in Spain",
        ),
        ("mr smith and mrs brown", "Mr Smith and Mrs Brown"),
        ("mrs [unclear] and mr", "Mrs [unclear] and Mr"),
        # Words that are names as well stay what they mostly are.
        (
            "we may march to polish the china in august",
            "we may march to polish the china in august",
        ),
        ("a doctor and a miss", "a doctor and a miss"),
        ("it is is", "it is is"),
    ],
)
def test_what_has_a_capital_anywhere_gets_it(heard: str, cased: str) -> None:
    assert " ".join(with_capitals(heard.split())) == cased
    assert " ".join(with_capitals(cased.split())) == cased


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        (
            "[unclear] is a beautiful day.",
            "[unclear] Es un día bello.",
            "[unclear] es un día bello.",
        ),
        ("[unclear] I am good.", "[unclear] Soy bien.", "[unclear] soy bien."),
        ("Mister john is here.", "Mister john Es aquí.", "Mister john es aquí."),
        ("went home.", "Fue a casa.", "fue a casa."),
        ("is it good.", "¿Es bueno?", "¿es bueno?"),
        ("It is good.", "Es bueno.", "Es bueno."),
        ("Is it good.", "¿Es bueno?", "¿Es bueno?"),
        # With a name in the source nobody knows which capital is whose.
        ("[unclear] in London.", "[unclear] En Londres.", "[unclear] En Londres."),
        ("the usa.", "los EE.UU.", "los EE.UU."),
        ("", "", ""),
    ],
)
def test_a_capital_that_comes_from_nowhere_goes(
    source: str, translation: str, expected: str
) -> None:
    assert settled(source, translation) == expected


@pytest.mark.skipif(which("lt-proc") is None, reason="no Apertium here")
def test_the_translator_knows_days_months_and_names_by_their_capitals() -> None:
    heard = "on sunday i speak english with mr smith in spain"
    translator = ApertiumTranslator()
    try:
        plain = translator.translate(heard, "spa")
        cased = translator.translate(" ".join(with_capitals(heard.split())), "spa")
    finally:
        translator.close()
    assert all(word in plain for word in ("sunday", "english", "spain"))
    assert all(word in cased for word in ("domingo", "inglés", "Señor", "España"))
