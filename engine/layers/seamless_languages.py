"""The languages of Meta's Seamless models: facts that engines describe themselves with."""

SEAMLESS_SOURCES = frozenset(
    {
        *("afr", "amh", "arb", "ary", "arz", "asm", "ast", "azj", "bel", "ben", "bos", "bul"),
        *("cat", "ceb", "ces", "ckb", "cmn", "cmn_Hant", "cym", "dan", "deu", "ell", "eng"),
        *("est", "eus", "fin", "fra", "fuv", "gaz", "gle", "glg", "guj", "heb", "hin", "hrv"),
        *("hun", "hye", "ibo", "ind", "isl", "ita", "jav", "jpn", "kam", "kan", "kat", "kaz"),
        *("kea", "khk", "khm", "kir", "kor", "lao", "lit", "ltz", "lug", "luo", "lvs", "mai"),
        *("mal", "mar", "mkd", "mlt", "mni", "mya", "nld", "nno", "nob", "npi", "nya", "oci"),
        *("ory", "pan", "pbt", "pes", "pol", "por", "ron", "rus", "slk", "slv", "sna", "snd"),
        *("som", "spa", "srp", "swe", "swh", "tam", "tel", "tgk", "tgl", "tha", "tur", "ukr"),
        *("urd", "uzn", "vie", "xho", "yor", "yue", "zsm", "zul"),
    }
)
"""Spoken languages, as the model's documentation lists them; it calls Malay `zlm`."""

SEAMLESS_TEXT = (
    *("afr", "amh", "arb", "ary", "arz", "asm", "azj", "bel", "ben", "bos", "bul"),
    *("cat", "ceb", "ces", "ckb", "cmn", "cmn_Hant", "cym", "dan", "deu", "ell", "eng"),
    *("est", "eus", "fin", "fra", "fuv", "gaz", "gle", "glg", "guj", "heb", "hin"),
    *("hrv", "hun", "hye", "ibo", "ind", "isl", "ita", "jav", "jpn", "kan", "kat"),
    *("kaz", "khk", "khm", "kir", "kor", "lao", "lit", "lug", "luo", "lvs", "mai"),
    *("mal", "mar", "mkd", "mlt", "mni", "mya", "nld", "nno", "nob", "npi", "nya"),
    *("ory", "pan", "pbt", "pes", "pol", "por", "ron", "rus", "sat", "slk", "slv"),
    *("sna", "snd", "som", "spa", "srp", "swe", "swh", "tam", "tel", "tgk", "tgl"),
    *("tha", "tur", "ukr", "urd", "uzn", "vie", "yor", "yue", "zsm", "zul"),
)
"""Languages that SeamlessStreaming has symbols for, in the order of these."""
SEAMLESS_WRITES = frozenset(SEAMLESS_TEXT) - {"sat"}
"""What it and SeamlessM4T v2 write: their documentation promises no Santali."""
SEAMLESS_SPEECH = frozenset(
    {
        *("arb", "ben", "cat", "ces", "cmn", "cym", "dan", "deu", "eng", "est", "fin", "fra"),
        *("hin", "ind", "ita", "jpn", "kor", "mlt", "nld", "pes", "pol", "por", "ron", "rus"),
        *("slk", "spa", "swe", "swh", "tel", "tgl", "tha", "tur", "ukr", "urd", "uzn", "vie"),
    }
)
"""What it speaks: the languages of its vocoder that have units."""
