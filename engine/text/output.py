"""From words and sound to the events of one stream."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from audio_io.chunk import AudioChunk, Samples
from engine.agent import StreamControls, StreamRequest, Task, Unclear
from engine.errors import LanguageError
from engine.events import SourceText, SpeechDropped, TargetAudio, TargetText, Word
from engine.languages import language_name, written_without_spaces
from engine.text.unclear import mark_unclear, mostly_unclear, without_marks, without_unclear


@dataclass(frozen=True, slots=True)
class SpelledWord:
    """One word, or one piece of a language written without spaces."""

    text: str
    """Without spaces."""
    confidence: float
    """Mean probability of its tokens."""
    place: int = 0
    """Where its tokens begin in the stretch that was spelled."""
    count: int = 0
    """How many they are."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an utterance."""

    utterance: int
    start_s: float
    end_s: float


@dataclass(slots=True)
class Output:
    """What a stream is written and spoken in, and what was said so far."""

    request: StreamRequest
    rate_hz: int
    """Of its speech."""
    languages: tuple[str, ...]
    """What is written: the targets, or the source where it is transcribed."""
    speakers: Mapping[str, int] = field(default_factory=dict)
    """The model's voice of each language that is spoken."""
    min_confidence: float = 0.0
    """Words less sure than this are unclear."""
    controls: StreamControls = field(default_factory=StreamControls)
    written: set[str] = field(default_factory=set)
    """Languages in which something was committed."""
    spoken_samples: dict[str, int] = field(default_factory=dict)

    def wanted(self) -> tuple[str, ...]:
        """What is written now."""
        targets = self.controls.targets
        if targets is None or self.request.task is Task.ASR:
            return self.languages
        return tuple(language for language in self.languages if language in targets)

    def text(
        self, span: Span, language: str, words: Sequence[SpelledWord], *, glued: bool = False
    ) -> SourceText | TargetText | None:
        """Committed words as an event; None where there are none. `glued`: the first of them goes
        on with the word committed last."""
        timed = [Word(word.text, span.start_s, span.end_s, word.confidence) for word in words]
        shown = without_marks(self.marked(timed)) if self._drops else self.marked(timed)
        if not shown:
            return None
        text = joined([word.text for word in shown], language)
        glued = glued and shown[0] is timed[0]
        text = self.committed(text, language, glued=glued)
        sure = sum(word.confidence for word in words) / len(words)
        return self._kind(
            span.utterance, language, text, span.start_s, span.end_s, True, sure, words=shown
        )

    def marked(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """With marks for those that are unclear, unless they are to be kept."""
        if self.request.unclear is Unclear.KEEP:
            return tuple(words)
        return mark_unclear(words, self.min_confidence)

    def written_of(self, text: str) -> str:
        """What is written of a text in which unclear words are marked."""
        return without_unclear(text)[0] if self._drops else text

    def partial(self, span: Span, language: str, text: str) -> SourceText | TargetText:
        """Words that may still change."""
        spaced = self.spaced(text, language)
        return self._kind(span.utterance, language, spaced, span.start_s, span.end_s, False)

    def unspeakable(
        self, span: Span, language: str, words: Sequence[SpelledWord | Word]
    ) -> SpeechDropped | None:
        """Says so where too many words are unclear to be spoken."""
        if not mostly_unclear([word.confidence for word in words], self.min_confidence):
            return None
        reason = "most of it was unclear"
        return SpeechDropped(span.utterance, language, span.start_s, span.end_s, reason)

    def speech(self, span: Span, language: str, samples: Samples) -> TargetAudio:
        """The next speech of a language."""
        first = self.spoken_samples.get(language, 0)
        self.spoken_samples[language] = first + len(samples)
        chunk = AudioChunk(samples, self.rate_hz, first)
        return TargetAudio(span.utterance, language, chunk, span.start_s, span.end_s)

    def committed(self, text: str, language: str, *, glued: bool = False) -> str:
        """`text` as it is committed: what comes after it is joined to it."""
        text = text if glued else self.spaced(text, language)
        self.written.add(language)
        return text

    def spaced(self, text: str, language: str) -> str:
        """`text` with the space that joins it to what was committed before."""
        if not text or language not in self.written or written_without_spaces(language):
            return text
        return f" {text}"

    @property
    def _drops(self) -> bool:
        return self.request.unclear is Unclear.DROP

    @property
    def _kind(self) -> type[SourceText] | type[TargetText]:
        return SourceText if self.request.task is Task.ASR else TargetText


def joined(words: Sequence[str], language: str) -> str:
    """Words as text, with the spaces of the language."""
    return ("" if written_without_spaces(language) else " ").join(words)


def open_output(
    request: StreamRequest,
    writes: Collection[str],
    voices: Mapping[str, Sequence[int]],
    rate_hz: int,
) -> Output:
    """The output of a new stream of a model that writes these languages, and speaks some of them
    with voices of these numbers. Raises `LanguageError` for what it does not write or speak."""
    languages = request.targets
    if request.task is Task.ASR:
        languages = (request.source or request.targets[0],)
    for language in languages:
        if language not in writes:
            raise LanguageError(f"This model does not write {language_name(language)}.")
    speakers = {}
    for target in request.targets:
        if not request.speaks(target):
            continue
        if target not in voices:
            raise LanguageError(
                f"This model does not speak {language_name(target)}; it only writes it.",
                hint="Ask for text only: ⟦formats⟧ srt,txt, or ⟦speak⟧ none live.",
            )
        speakers[target] = _voice(request.speakers.get(target), voices[target])
    return Output(request, rate_hz, languages, speakers, request.min_confidence or 0.0)


def _voice(asked: str | None, known: Sequence[int]) -> int:
    """A voice by its number; the language's first one where none is asked for."""
    if asked is None:
        return known[0]
    if not asked.isdecimal() or int(asked) not in known:
        names = ", ".join(map(str, known))
        if isinstance(known, range):
            names = f"{known[0]} to {known[-1]}"
        raise LanguageError(f"No speaker is called '{asked}'.", hint=f"There is: {names}.")
    return int(asked)
