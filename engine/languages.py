"""Languages: their codes, their names, and which one a person means.

Codes are those of Meta's Seamless models: ISO 639-3, with `cmn_Hant` for Mandarin in traditional
characters. The table holds the languages these models hear or write, and a few more.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass

from engine.errors import LanguageError


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    code: str
    """ISO 639-3, or `cmn_Hant`."""
    alpha2: str | None
    """ISO 639-1, also where that names the wider language (`ar` for `arb`); None without one."""
    name: str
    """In English."""
    autonym: str
    """Its name in itself."""


# Code, ISO 639-1, English name, own name, other names and codes. A dash: there is none.
_TABLE = """
afr      | af | Afrikaans           | Afrikaans        |
amh      | am | Amharic             | አማርኛ             |
arb      | ar | Arabic              | العربية          | ara, modern standard arabic
arg      | an | Aragonese           | aragonés         |
ary      | -  | Moroccan Arabic     | الدارجة          | darija
arz      | -  | Egyptian Arabic     | مصرى             |
asm      | as | Assamese            | অসমীয়া           |
ast      | -  | Asturian            | asturianu        |
azj      | az | Azerbaijani         | azərbaycanca     | aze, azeri
bel      | be | Belarusian          | беларуская       |
ben      | bn | Bengali             | বাংলা             | bangla
bos      | bs | Bosnian             | bosanski         |
bre      | br | Breton              | brezhoneg        |
bul      | bg | Bulgarian           | български        |
cat      | ca | Catalan             | català           | valencian, valencià
ceb      | -  | Cebuano             | Sinugboanon      | bisaya
ces      | cs | Czech               | čeština          | cze, česky
ckb      | ku | Central Kurdish     | کوردیی ناوەندی   | kur, kurdish, sorani, کوردی
cmn      | zh | Mandarin Chinese    | 普通话           | zho, chi, chinese, mandarin, cmn-hans, \
simplified chinese, chinese simplified, 中文, 汉语, 简体中文
cmn_Hant | -  | Traditional Chinese | 繁體中文         | chinese traditional, 國語, 漢語
cym      | cy | Welsh               | Cymraeg          | wel
dan      | da | Danish              | dansk            |
deu      | de | German              | Deutsch          | ger
ell      | el | Greek               | ελληνικά         | gre
eng      | en | English             | English          |
epo      | eo | Esperanto           | Esperanto        |
est      | et | Estonian            | eesti            | ekk, eesti keel
eus      | eu | Basque              | euskara          | baq
fao      | fo | Faroese             | føroyskt         |
fin      | fi | Finnish             | suomi            |
fra      | fr | French              | français         | fre
fuv      | ff | Nigerian Fulfulde   | Fulfulde         | ful, fula, fulah
gaz      | om | West Central Oromo  | Afaan Oromoo     | orm, oromo
gle      | ga | Irish               | Gaeilge          |
glg      | gl | Galician            | galego           |
guj      | gu | Gujarati            | ગુજરાતી            |
hat      | ht | Haitian Creole      | kreyòl ayisyen   | haitian
hau      | ha | Hausa               | Hausa            |
heb      | he | Hebrew              | עברית            | iw
hin      | hi | Hindi               | हिन्दी             |
hrv      | hr | Croatian            | hrvatski         |
hun      | hu | Hungarian           | magyar           |
hye      | hy | Armenian            | հայերեն          | arm
ibo      | ig | Igbo                | Igbo             |
ind      | id | Indonesian          | bahasa Indonesia |
isl      | is | Icelandic           | íslenska         | ice
ita      | it | Italian             | italiano         |
jav      | jv | Javanese            | basa Jawa        |
jpn      | ja | Japanese            | 日本語           |
kam      | -  | Kamba               | Kikamba          |
kan      | kn | Kannada             | ಕನ್ನಡ             |
kat      | ka | Georgian            | ქართული          | geo
kaz      | kk | Kazakh              | қазақша          |
kea      | -  | Kabuverdianu        | kabuverdianu     | cape verdean creole
khk      | mn | Halh Mongolian      | монгол           | mon, mongolian
khm      | km | Khmer               | ខ្មែរ              | cambodian
kir      | ky | Kyrgyz              | кыргызча         | kirghiz
kor      | ko | Korean              | 한국어           |
lao      | lo | Lao                 | ລາວ              |
lat      | la | Latin               | lingua Latina    |
lit      | lt | Lithuanian          | lietuvių         |
ltz      | lb | Luxembourgish       | Lëtzebuergesch   |
lug      | lg | Ganda               | Luganda          |
luo      | -  | Luo                 | Dholuo           |
lvs      | lv | Latvian             | latviešu         | lav, standard latvian
mai      | -  | Maithili            | मैथिली             |
mal      | ml | Malayalam           | മലയാളം           |
mar      | mr | Marathi             | मराठी             |
mkd      | mk | Macedonian          | македонски       | mac
mlt      | mt | Maltese             | Malti            |
mni      | -  | Meitei              | মৈতৈলোন্           | manipuri
mya      | my | Burmese             | မြန်မာ             | bur, myanmar
nld      | nl | Dutch               | Nederlands       | dut, flemish
nno      | nn | Norwegian Nynorsk   | nynorsk          |
nob      | nb | Norwegian Bokmål    | bokmål           | no, nor, norwegian, norsk
npi      | ne | Nepali              | नेपाली             | nep
nya      | ny | Nyanja              | Chinyanja        | chichewa, chewa
oci      | oc | Occitan             | occitan          |
ory      | or | Odia                | ଓଡ଼ିଆ             | ori, oriya
pan      | pa | Punjabi             | ਪੰਜਾਬੀ            | panjabi
pbt      | ps | Southern Pashto     | پښتو             | pus, pashto
pes      | fa | Western Persian     | فارسی            | fas, per, persian, farsi
pol      | pl | Polish              | polski           |
por      | pt | Portuguese          | português        |
ron      | ro | Romanian            | română           | rum, mo, moldovan
rus      | ru | Russian             | русский          |
sat      | -  | Santali             | ᱥᱟᱱᱛᱟᱲᱤ          |
sin      | si | Sinhala             | සිංහල            | sinhalese
slk      | sk | Slovak              | slovenčina       | slo, slovensky
slv      | sl | Slovenian           | slovenščina      | slovene, slovensko
sna      | sn | Shona               | chiShona         |
snd      | sd | Sindhi              | سنڌي             |
som      | so | Somali              | Soomaali         |
spa      | es | Spanish             | español          | castilian, castellano
sqi      | sq | Albanian            | shqip            | alb, als
srd      | sc | Sardinian           | sardu            |
srp      | sr | Serbian             | српски           | srpski
swe      | sv | Swedish             | svenska          |
swh      | sw | Swahili             | Kiswahili        | swa
tam      | ta | Tamil               | தமிழ்             |
tel      | te | Telugu              | తెలుగు            |
tgk      | tg | Tajik               | тоҷикӣ           |
tgl      | tl | Tagalog             | Tagalog          | fil, filipino, pilipino
tha      | th | Thai                | ไทย              | ภาษาไทย
tur      | tr | Turkish             | Türkçe           |
ukr      | uk | Ukrainian           | українська       |
urd      | ur | Urdu                | اردو             |
uzn      | uz | Northern Uzbek      | oʻzbekcha        | uzb, uzbek
vie      | vi | Vietnamese          | Tiếng Việt       |
xho      | xh | Xhosa               | isiXhosa         |
yor      | yo | Yoruba              | Yorùbá           |
yue      | -  | Cantonese           | 粵語             | yue chinese, 廣東話, 广东话, 粤语
zlm      | -  | Colloquial Malay    | -                |
zsm      | ms | Malay               | bahasa Melayu    | msa, may, standard malay
zul      | zu | Zulu                | isiZulu          |
"""

_WITHOUT_SPACES = frozenset({"cmn", "cmn_Hant", "yue", "jpn", "tha", "khm", "lao", "mya"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_TAG = re.compile(r"(?P<language>[a-z]{2,3})(?P<rest>(-([a-z]{4}|[a-z]{2}|[0-9]{3}))+)")


def _fold(text: str) -> str:
    """What two spellings of one name share: no case, no accents, single spaces, hyphens."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().replace("_", "-").split())


def _read_table() -> tuple[dict[str, Language], dict[str, str]]:
    """The languages by code, and the code that every folded code and name stands for."""
    languages: dict[str, Language] = {}
    names: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        code, alpha2, name, autonym, others = (field.strip() for field in line.split("|"))
        own = name if autonym == "-" else autonym
        languages[code] = Language(code, None if alpha2 == "-" else alpha2, name, own)
        for known in (code, alpha2, name, own, *others.split(",")):
            if known not in ("", "-"):
                names.setdefault(_fold(known), code)
    return languages, names


LANGUAGES, _NAMES = _read_table()
"""Every language by its code, in the order of codes; and the code of each name a person types."""


def resolve_language(text: str) -> Language:
    """The language a person means: a code of two or three letters, with or without a region, or
    a name in English or in the language itself; case and accents do not matter.

    Raises `LanguageError`, which names the nearest, when no language is called that.
    """
    # A locale of the environment says en_US.UTF-8, or ca_ES@valencia.
    wanted = _fold(re.split("[.@]", text)[0])
    code = _NAMES.get(wanted)
    if code is None and (tag := _TAG.fullmatch(wanted)):
        code = _NAMES.get(tag["language"])
        rest = tag["rest"].split("-")
        # A script says more than a region: zh-Hans-HK is simplified.
        if code == "cmn" and "hans" not in rest and not _TRADITIONAL.isdisjoint(rest):
            code = "cmn_Hant"
    if code is not None:
        return LANGUAGES[code]
    hint = "`s2st languages` lists them."
    if near := _nearest(wanted):
        choices = ", ".join(f"{language.name} ({language.code})" for language in near)
        hint = f"Did you mean {choices}? {hint}"
    raise LanguageError(f"No language is called {text!r}.", hint)


def _nearest(wanted: str) -> list[Language]:
    """At most three languages whose names or codes look like `wanted`, best first."""
    # Codes of two letters resemble everything.
    known = [name for name in _NAMES if len(name) > 2]
    names = difflib.get_close_matches(wanted, known, n=6, cutoff=0.66)
    likeness = [difflib.SequenceMatcher(None, name, wanted).ratio() for name in names]
    # A guess much worse than the best one is noise: "spnish" is Spanish, not Polish.
    close = [name for name, ratio in zip(names, likeness, strict=True) if ratio > likeness[0] - 0.1]
    return [LANGUAGES[code] for code in dict.fromkeys(_NAMES[name] for name in close)][:3]


def language_name(code: str) -> str:
    """The English name of a code; the code itself where the table does not hold it."""
    language = LANGUAGES.get(code)
    return language.name if language else code


def codes_of(language: Language) -> tuple[str, ...]:
    """Every code of two or three letters by which a recording may mark this language, its own
    first."""
    codes = [name for name, code in _NAMES.items() if code == language.code and len(name) <= 3]
    return tuple(dict.fromkeys([language.code, *codes]))


def written_without_spaces(code: str) -> bool:
    """Whether words of this language follow each other with no space between."""
    return code in _WITHOUT_SPACES
