"""From words and sound to the events of one stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audio_io.chunk import AudioChunk, Samples
from engine.agent import StreamControls, StreamRequest, Task
from engine.errors import LanguageError
from engine.events import SourceText, SpeechDropped, TargetAudio, TargetText, Word
from engine.languages import language_name, written_without_spaces
from engine.layers.features import RATE_HZ
from engine.m4t.loading import M4tModel
from engine.m4t.words import SpelledWord, joined
from engine.text.unclear import UNCLEAR, mark_unclear, mostly_unclear


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
    languages: tuple[str, ...]
    """What is written: the targets, or the source where it is transcribed."""
    speakers: Mapping[str, int]
    """The vocoder's voice of each language that is spoken."""
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
        shown = mark_unclear(_timed(words, span), self._least())
        if not shown:
            return None
        text = joined([word.text for word in shown], language)
        if not glued or shown[0].text == UNCLEAR:
            text = self._spaced(text, language)
        self.written.add(language)
        sure = sum(word.confidence for word in words) / len(words)
        kind = SourceText if self.request.task is Task.ASR else TargetText
        return kind(
            span.utterance, language, text, span.start_s, span.end_s, True, sure, words=shown
        )

    def partial(self, span: Span, language: str, text: str) -> SourceText | TargetText:
        """Words that may still change."""
        kind = SourceText if self.request.task is Task.ASR else TargetText
        spaced = self._spaced(text, language)
        return kind(span.utterance, language, spaced, span.start_s, span.end_s, False)

    def unspeakable(
        self, span: Span, language: str, words: Sequence[SpelledWord]
    ) -> SpeechDropped | None:
        """Says so where too many words are unclear to be spoken."""
        if not mostly_unclear(_timed(words, span), self._least()):
            return None
        reason = "most of it was unclear"
        return SpeechDropped(span.utterance, language, span.start_s, span.end_s, reason)

    def speech(self, span: Span, language: str, samples: Samples) -> TargetAudio:
        """The next speech of a language."""
        first = self.spoken_samples.get(language, 0)
        self.spoken_samples[language] = first + len(samples)
        chunk = AudioChunk(samples, RATE_HZ, first)
        return TargetAudio(span.utterance, language, chunk, span.start_s, span.end_s)

    def _least(self) -> float:
        """The model's own confidences need no threshold unless somebody asks for one."""
        return self.request.min_confidence or 0.0

    def _spaced(self, text: str, language: str) -> str:
        """`text` with the space that joins it to what was committed before."""
        if not text or language not in self.written or written_without_spaces(language):
            return text
        return f" {text}"


def open_output(model: M4tModel, request: StreamRequest) -> Output:
    """The output of a new stream. Raises `LanguageError` for what the model does not write or
    speak."""
    languages = request.targets
    if request.task is Task.ASR:
        languages = (request.source or request.targets[0],)
    for language in languages:
        if language not in model.languages:
            raise LanguageError(f"This model does not write {language_name(language)}.")
    speakers = {}
    for target in request.targets:
        if not request.speaks(target):
            continue
        if target not in model.voices:
            raise LanguageError(
                f"This model does not speak {language_name(target)}; it only writes it.",
                hint="Ask for text only: --format srt,txt, or --speak none live.",
            )
        speakers[target] = _speaker(request.speakers.get(target), model.speakers)
    return Output(request, languages, speakers)


def _speaker(asked: str | None, known: int) -> int:
    """A voice by its number; the first one where none is asked for."""
    if asked is None:
        return 0
    if not asked.isdecimal() or int(asked) >= known:
        raise LanguageError(f"No speaker is called '{asked}'.", hint=f"There is: 0 to {known - 1}.")
    return int(asked)


def _timed(words: Sequence[SpelledWord], span: Span) -> list[Word]:
    return [Word(word.text, span.start_s, span.end_s, word.confidence) for word in words]
