"""What the live panel shows, and the text heard and translated so far."""

from collections import deque
from dataclasses import dataclass, field

from cli.terminal.cells import clean
from engine.events import (
    Event,
    OutputHeard,
    SourceText,
    Stamped,
    TargetText,
    UtteranceEnded,
)
from engine.languages import language_name
from engine.metrics.meter import Meter

KEPT_UTTERANCES = 200
KEPT_CHARACTERS = 20_000
HISTORY_S = 60
LISTENING = "listening"
PAUSED = "paused"
TALKING = "talking"
WAITING = "waiting for you to talk"


@dataclass(slots=True)
class Said:
    """What was said in one utterance, in one language."""

    utterance: int
    language: str
    """ISO 639-3 code."""
    committed: str = ""
    partial: str = ""
    """What may still change, after the committed text."""
    ended: bool = False

    def shown(self, opening: str, closing: str) -> tuple[str, int]:
        """The text, the partial between two signs, and where the partial begins."""
        committed, partial = self.committed.strip(), self.partial.strip()
        if not partial:
            return committed, len(committed)
        # Not in Chinese: the partial itself knows whether it is written with a space.
        space = " " if committed and self.partial[0] == " " else ""
        return f"{committed}{space}{opening}{partial}{closing}", len(committed) + len(space)


@dataclass(slots=True)
class Transcript:
    """The newest utterances of one side, oldest first."""

    said: deque[Said] = field(default_factory=deque)

    def hear(self, text: SourceText | TargetText) -> None:
        words = clean(text.text)
        said = self._open(text.utterance, text.language)
        if said is None:
            if not words.strip():
                return
            said = Said(text.utterance, text.language)
            self.said.append(said)
        if text.committed:
            said.committed += words
            said.partial = ""
            self._forget()
        else:
            # No recogniser guesses a page; a faulty one does not fill the memory.
            said.partial = words[-KEPT_CHARACTERS:]
        if not said.committed and not said.partial.strip():
            self.said.remove(said)

    def end(self, utterance: int) -> None:
        """Nothing more comes of an utterance, and what was not committed was not said."""
        for said in [said for said in self.said if said.utterance == utterance]:
            said.ended = True
            said.partial = ""
            if not said.committed:
                self.said.remove(said)

    def _open(self, utterance: int, language: str) -> Said | None:
        # A new stream counts its utterances from 0 again; those that ended are of an older one.
        for said in reversed(self.said):
            if said.utterance == utterance and said.language == language and not said.ended:
                return said
        return None

    def _forget(self) -> None:
        while len(self.said) > KEPT_UTTERANCES:
            self.said.popleft()
        too_many = sum(len(said.committed) for said in self.said) - KEPT_CHARACTERS
        while too_many > 0 and len(self.said) > 1:
            too_many -= len(self.said.popleft().committed)
        if too_many > 0:
            newest = self.said[-1]
            # Some more than needed, so that the text does not move with every word.
            newest.committed = newest.committed[too_many + KEPT_CHARACTERS // 4 :]


def language_title(code: str | None) -> str:
    """`Spanish (spa)`."""
    name = bare_language(code)
    return name if name == code or code is None else f"{name} ({code})"


def bare_language(code: str | None) -> str:
    return "any language" if code is None else language_name(code)


@dataclass(slots=True)
class LiveView:
    """Everything the panel shows. It belongs to the main thread, which fills it in."""

    engine: str
    source: str | None
    """ISO 639-3 code; None while the engine finds it out."""
    targets: tuple[str, ...]
    meter: Meter = field(default_factory=lambda: Meter(None))
    """What is measured of the session."""
    spoken: str | None = None
    """The target that is heard from the output."""
    draft: bool = False
    input_name: str = ""
    output_name: str = ""
    """Empty: there is no speech, only text."""

    elapsed_s: float = 0.0
    status: str = LISTENING
    """Short: "listening", "paused", "input lost: waiting for it"."""
    push_to_talk: bool = False
    """Whether only what is said between two presses of the space bar is heard."""
    notice: str = ""
    """The last thing that happened and that a person should know."""

    muted: bool = False
    volume_percent: int = 100
    echo: str = ""
    """How the speech is kept from being heard again: "gate", "off: headphones"."""
    echo_holding: bool = False
    """Whether the input is being held back because of it."""
    queued_ms: float = 0.0
    speed: float = 1.0
    """Playback speed, 1.0 is natural."""

    max_lag_s: float | None = None
    lag_history: deque[float | None] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    """One value a second, the newest last; None where nothing was spoken."""
    marks: int = 0
    keeps: bool | None = None
    """Whether the recording keeps all that is said, or only what is heard; None: there is none."""

    checks_output: bool = False
    """Whether a recogniser listens to our speech."""
    understood: OutputHeard | None = None
    """The last it understood."""

    can_swap: bool = False
    keys_work: bool = False

    heard: Transcript = field(default_factory=Transcript)
    """The source."""
    translated: dict[str, Transcript] = field(default_factory=dict)
    """By language."""

    @property
    def recording(self) -> str:
        """What the recording keeps now; empty when there is none."""
        if self.keeps is None:
            return ""
        if self.keeps:
            return "all"
        return "silence" if self.status in (PAUSED, WAITING) else "on"

    @property
    def space_does(self) -> str:
        """What the space bar does now."""
        if self.push_to_talk:
            return "done" if self.status == TALKING else "talk"
        return self.p_does

    @property
    def p_does(self) -> str:
        return "go on" if self.status == PAUSED else "pause"

    def hear(self, heard: Stamped | Event) -> None:
        """Take in one event."""
        event = heard.event if isinstance(heard, Stamped) else heard
        match event:
            case SourceText():
                self.heard.hear(event)
            case TargetText():
                self.translated.setdefault(event.language, Transcript()).hear(event)
            case UtteranceEnded():
                for transcript in (self.heard, *self.translated.values()):
                    transcript.end(event.utterance)
            case OutputHeard():
                self.understood = event
