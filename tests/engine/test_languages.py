import pickle

import pytest

from engine.errors import LanguageError
from engine.languages import (
    LANGUAGES,
    language_name,
    resolve_language,
    written_without_spaces,
)

# The languages SeamlessM4T v2 and SeamlessStreaming hear or write, from their model cards.
SEAMLESS = """
afr amh arb ary arz asm ast azj bel ben bos bul cat ceb ces ckb cmn cmn_Hant cym dan deu ell eng
est eus fin fra fuv gaz gle glg guj heb hin hrv hun hye ibo ind isl ita jav jpn kam kan kat kaz
kea khk khm kir kor lao lit ltz lug luo lvs mai mal mar mkd mlt mni mya nld nno nob npi nya oci
ory pan pbt pes pol por ron rus slk slv sna snd som spa srp swe swh tam tel tgk tgl tha tur ukr
urd uzn vie xho yor yue zlm zsm zul
"""


def test_every_seamless_language_is_known_by_its_own_code() -> None:
    assert [code for code in SEAMLESS.split() if resolve_language(code).code != code] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[("eng", "eng"), ("en", "eng"), ("English", "eng"), ("ENGLISH ", "eng")],
        *[("en-US", "eng"), ("en_GB", "eng"), ("en_US.UTF-8", "eng"), ("ca_ES@valencia", "cat")],
        *[("es-419", "spa"), ("sr-Latn-RS", "srp"), ("pt_BR", "por")],
        *[("zh", "cmn"), ("chi", "cmn"), ("zho", "cmn"), ("chinese", "cmn"), ("Mandarin", "cmn")],
        *[("zh-CN", "cmn"), ("zh-Hans", "cmn"), ("zh_TW", "cmn_Hant"), ("zh-Hant", "cmn_Hant")],
        *[("cmn_hant", "cmn_Hant"), ("CMN-Hant", "cmn_Hant"), ("zh-Hant-HK", "cmn_Hant")],
        *[("zh-Hans-HK", "cmn")],
        *[("ar", "arb"), ("sw", "swh"), ("ms", "zsm"), ("fa", "pes"), ("no", "nob")],
        *[("et", "est"), ("lv", "lvs"), ("uz", "uzn"), ("az", "azj"), ("mn", "khk")],
        *[("ps", "pbt"), ("ku", "ckb"), ("ne", "npi"), ("fre", "fra"), ("ger", "deu")],
        *[("dut", "nld"), ("per", "pes"), ("rum", "ron"), ("mac", "mkd"), ("epo", "epo")],
        *[("español", "spa"), ("ESPANOL", "spa"), ("Français", "fra"), ("francais", "fra")],
        *[("русский", "rus"), ("日本語", "jpn"), ("العربية", "arb"), ("Tiếng Việt", "vie")],
    ],
)
def test_a_person_may_name_a_language_in_many_ways(text: str, code: str) -> None:
    assert resolve_language(text).code == code


def test_every_code_and_name_in_the_table_leads_back_to_its_language() -> None:
    for language in LANGUAGES.values():
        for text in (language.code, language.alpha2, language.name, language.autonym):
            if text is not None:
                assert resolve_language(text) is language, text


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("spnish", "Did you mean Spanish (spa)? "),
        ("portugese", "Did you mean Portuguese (por)? "),
        ("deutch", "Did you mean German (deu), Dutch (nld)? "),
        ("klingon", ""),
        ("", ""),
        ("eng spa", ""),
        ("en-nonsense", ""),
    ],
)
def test_an_unknown_language_is_an_error_that_names_the_nearest(text: str, guess: str) -> None:
    with pytest.raises(LanguageError) as caught:
        resolve_language(text)
    assert str(caught.value) == (
        f"No language is called {text!r}. {guess}`s2st languages` lists them."
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_code_from_elsewhere_is_its_own_name() -> None:
    assert language_name("spa") == "Spanish"
    assert language_name("tlh") == "tlh"


def test_only_eight_languages_are_written_without_spaces() -> None:
    assert {code for code in LANGUAGES if written_without_spaces(code)} == {
        *("cmn", "cmn_Hant", "yue", "jpn", "tha", "khm", "lao", "mya")
    }
