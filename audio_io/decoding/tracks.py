"""Which sound track of a recording is heard."""

from collections.abc import Sequence

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from audio_io.decoding.decoded import DecodedBlock
from audio_io.decoding.track import TrackDecoder
from audio_io.errors import SoundFileError
from audio_io.sound_choice import SoundChoice

_LONGEST_SILENCE_S = 60.0
"""How long a track may be silent before another that is not is heard instead."""
_MOST_CANDIDATES = 16
_NO_PROGRAMME = Disposition.comment | Disposition.visual_impaired | Disposition.karaoke


def candidates(container: InputContainer, choice: SoundChoice, name: str) -> list[AudioStream]:
    """Tracks that may be heard, the best first: the one asked for, else by disposition.

    Raises:
        SoundFileError: there is none, or not the one asked for, or none can be decoded.
    """
    tracks = list(container.streams.audio)
    if not tracks:
        kinds = ", ".join(sorted({stream.type for stream in container.streams}))
        raise SoundFileError(
            f"{name} has no sound track" + (f", only {kinds}." if kinds else "."),
            hint="Give a recording with sound.",
        )
    wanted = _wanted(tracks, choice, name)
    # PyAV's types do not say so, but a codec that nobody can decode has no context.
    readable = [track for track in wanted if track.codec_context is not None]
    if not readable:
        raise SoundFileError(
            f"The sound track of {name} is in a format that cannot be decoded.",
            hint="Convert it to wav, flac, mp3 or m4a first.",
        )
    return sorted(readable, key=_rank)[:_MOST_CANDIDATES]


class Tracks:
    """Decoders of the candidates, until one of them is chosen.

    The first is chosen as soon as it sounds. While it is silent, or cannot be decoded, what the
    others say is kept, up to `_LONGEST_SILENCE_S` of each.
    """

    def __init__(self, decoders: Sequence[TrackDecoder], of: InputContainer) -> None:
        self.of_index = {decoder.stream.index: decoder for decoder in decoders}
        self._decoders = list(decoders)
        self._held: dict[TrackDecoder, list[DecodedBlock]] = {each: [] for each in decoders}
        self._all = list(of.streams.audio)
        self.chosen: TrackDecoder | None = self._decoders[0] if len(decoders) == 1 else None

    @property
    def first(self) -> TrackDecoder:
        """The chosen one, or the likeliest."""
        return self.chosen or self._decoders[0]

    def take(self, decoder: TrackDecoder, block: DecodedBlock) -> list[DecodedBlock]:
        """What can be heard now that one more block has come."""
        if decoder is self.chosen:
            return [block]
        if self.chosen is not None:
            return []
        self._held[decoder].append(block)
        return self._choose(at_end=False)

    def end(self) -> list[DecodedBlock]:
        """No more comes: what is heard if nothing was chosen."""
        return self._choose(at_end=True) if self.chosen is None else []

    @property
    def taken(self) -> str:
        """Which of how many; empty where there is one."""
        if len(self._all) < 2 or self.chosen is None:
            return ""
        stream = self.chosen.stream
        marks = [stream.language or "", stream.metadata.get("title", "")]
        marked = ", ".join(mark for mark in marks if mark and mark != "und")
        number = self._all.index(stream) + 1
        others = [each for each in self._decoders if each is not self.chosen]
        silent = any(_rank(each.stream) < _rank(stream) and not each.has_sound for each in others)
        return (
            f"sound track {number} of {len(self._all)}"
            + (f" ({marked})" if marked else "")
            + (", since those before it are silent or cannot be read" if silent else "")
        )

    def _choose(self, *, at_end: bool) -> list[DecodedBlock]:
        over = at_end or max(each.stamps.position_s for each in self._decoders) > _LONGEST_SILENCE_S
        for decoder in self._decoders:
            if decoder.has_sound:
                break
            if not over and not decoder.is_hopeless:
                return []
        else:
            decoder = next((each for each in self._decoders if each.frames), self._decoders[0])
        self.chosen = decoder
        heard = self._held[decoder]
        self._held.clear()
        return heard


def _wanted(tracks: list[AudioStream], choice: SoundChoice, name: str) -> list[AudioStream]:
    if choice.track is not None:
        if choice.track <= len(tracks):
            return [tracks[choice.track - 1]]
        asked = f"sound track {choice.track}"
    elif choice.languages:
        marked = [each for each in tracks if (each.language or "").lower() in choice.languages]
        if marked:
            return marked
        asked = f"sound track in '{choice.languages[0]}'"
    else:
        return tracks
    there = ", ".join(
        f"{number} ({track.language or 'no language'})" for number, track in enumerate(tracks, 1)
    )
    raise SoundFileError(
        f"{name} has no {asked}; there is: {there}.", hint="Choose another with ⟦track⟧."
    )


def _rank(stream: AudioStream) -> tuple[bool, bool, int]:
    marks = stream.disposition
    return (not marks & Disposition.default, bool(marks & _NO_PROGRAMME), stream.index)
