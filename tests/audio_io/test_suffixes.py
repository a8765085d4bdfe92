from audio_io.suffixes import SOUND_SUFFIXES


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(s.startswith(".") and s == s.lower() and len(s) > 2 for s in SOUND_SUFFIXES)


def test_usual_recordings_are_among_them_and_texts_are_not() -> None:
    assert {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".webm"} <= SOUND_SUFFIXES
    assert not {".txt", ".srt", ".json", ".m3u8", ".tsv", ".part", ""} & SOUND_SUFFIXES
