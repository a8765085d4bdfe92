"""One recording through an engine: its outputs appear whole, or not at all."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from audio_io.chunk import AudioChunk, silence
from audio_io.errors import OutputError, S2stError, system_said
from audio_io.limit import PeakLimited
from audio_io.paths import is_file, is_there
from audio_io.ports import AudioSource
from audio_io.recordings.address import open_address
from audio_io.recordings.recording import Recording, open_pipe, open_recording
from audio_io.tee import RecordedSource
from audio_io.wav import WavFile
from audio_io.whole_file import WholeFile
from engine.agent import Agent
from engine.batch.descriptors import file_behind, open_descriptor
from engine.batch.films import Film, check_films
from engine.batch.job import VIDEO, WAV, BatchPlan, Job
from engine.batch.journal import NEVER_FINISHED, Journal, Record, digest
from engine.batch.leftovers import ORIGINAL, SPEECH, SUBTITLES, abandon, scratch
from engine.events import (
    AudioLost,
    EngineTrace,
    Event,
    SourceText,
    SpeechDropped,
    Stamped,
    TargetAudio,
    TargetText,
    UtteranceEnded,
)
from engine.registry import EngineSpec, find_engine
from engine.session import Session
from engine.speaking.pacing import OneAfterAnother, Timeline
from engine.speaking.written import WrittenVoice
from engine.stepper import DirectStepper, Stepper
from engine.streams.child import Do, Progress, Tell
from engine.streams.gathering import GatheringStepper
from engine.text.records import as_line
from engine.text.shown import shown_by
from engine.text.writers import TEXT_FORMATS, TextWriter


@dataclass(slots=True)
class Outcome:
    """What became of one recording."""

    heard_s: float = 0.0
    elapsed_s: float = 0.0
    utterances: int = 0
    """Utterances in which something was recognised or said."""
    last_utterance: int = -1
    """The last of them."""
    dropped: int = 0
    """Translations, or parts of them, that were not spoken though speech was asked for."""
    taken: str = ""
    """Which of several sounds was heard; empty where there was nothing to choose."""
    lost: list[AudioLost] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    """Outputs that were not replaced: somebody had changed them."""
    lag_s: float = 0.0
    """With a timeline: the most that speech ended later than its source."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The recording of a job can be read."""

    duration_s: float | None
    """None where it is not known."""


@dataclass(frozen=True, slots=True)
class FileWork:
    """Jobs as tasks of a run. Each says `Opened`, its `Progress` in seconds heard, and events."""

    plan: BatchPlan
    configure: Callable[[], None]
    """Called first in each process: sets up logging."""
    events: bool
    """Whether anybody looks at events."""
    sample: Job | None = None
    """One of the jobs, which are all of one engine; needed where they run together."""

    @property
    def verbose(self) -> bool:
        return self.plan.verbose

    @contextmanager
    def open(self) -> Iterator[Do]:
        """Engines, for jobs one after the other."""
        self.configure()
        with Translator(self.plan, events=self.events) as translator:
            yield translator.do

    @contextmanager
    def open_together(self) -> Iterator[tuple[Do, GatheringStepper]]:
        """The engine, for jobs at once."""
        assert self.sample is not None
        with Translator(self.plan, GatheringStepper, events=self.events) as translator:
            stepper = translator.stepper_for(self.sample)
            assert isinstance(stepper, GatheringStepper)
            yield translator.do, stepper


@dataclass(frozen=True, slots=True)
class _Engine:
    """One that is loaded."""

    spec: EngineSpec
    agent: Agent[Any, Any, Any]
    stepper: Stepper


class Translator:
    """Does jobs one after the other. Each engine is loaded when the first job needs it."""

    def __init__(
        self,
        plan: BatchPlan,
        stepper: Callable[[Agent[Any, Any, Any]], Stepper] = DirectStepper,
        *,
        events: bool,
    ) -> None:
        """`stepper` makes of an engine what its streams reach it through; `events` says whether
        they are told."""
        self._plan = plan
        self._events = events
        self._stepper = stepper
        self._engines: dict[str, _Engine | S2stError] = {}
        """Or why there is none."""

    def __enter__(self) -> "Translator":
        return self

    def __exit__(self, *error: object) -> None:
        for engine in self._engines.values():
            if isinstance(engine, _Engine):
                engine.agent.close()

    def stepper_for(self, job: Job) -> Stepper:
        """The way to the engine of a job, which is loaded now."""
        return self._engine(job).stepper

    def do(self, job: Job, tell: Tell) -> Outcome:
        """Translate one recording and put its outputs in place. Raises an `S2stError` on failure,
        and leaves nothing half written then."""
        try:
            return self._do(job, tell)
        except OSError as error:  # of the file system, which can say much; it is this one's alone
            raise S2stError(f"{system_said(error)}.") from error

    def _do(self, job: Job, tell: Tell) -> Outcome:
        started_s = time.monotonic()
        assert job.request is not None
        outcome = Outcome()
        with ExitStack() as stack:
            stack.callback(abandon, job, self._plan)
            engine = self._engine(job)
            spec = engine.spec
            source = self._open(job, spec)
            stack.callback(source.close)
            check_films(job, self._plan)
            tell(Opened(source.duration_s))
            path = job.input.path
            input_digest = NEVER_FINISHED
            if path is not None and is_file(path):
                input_digest = digest(path)
            outputs = _Outputs(job, self._plan, spec.output_rate_hz, stack)
            session = Session(
                outputs.keep_original(source),
                engine.stepper,
                job.request,
                voices=outputs.voices,
                listeners=[
                    lambda stamped: _count(stamped, outcome, outputs),
                    lambda stamped: outputs.hear(stamped.event),
                    *([lambda stamped: _unless_trace(stamped.event, tell)] if self._events else ()),
                ],
                progress=lambda heard: tell(Progress(heard.chunk.end_s)),
                shown=shown_by(source.clock),
            )
            session.run()
            outputs.complete(source.clock.at(session.heard_s))
            made = outputs.digests()
            outcome.kept = self._changed(job.input.folder, made)
            journal, fingerprint = Journal(job.input.folder), job.fingerprint(self._plan)
            recording = path.name if path is not None else ""
            # From now on the names count as ours, even if we are killed before the last is there.
            journal.add(Record(NEVER_FINISHED, fingerprint, made, recording))
            if (trace := self._plan.trace) is not None:  # it may lie in a folder of its own
                written = {trace.name: outputs.digest_of(trace)}
                outcome.kept += self._changed(trace.parent, written)
                Journal(trace.parent).add(Record(NEVER_FINISHED, "", written))
            outputs.put_in_place(outcome.kept)
            if outcome.lost:
                input_digest = NEVER_FINISHED
            journal.add(Record(input_digest, fingerprint, made, recording))
        outcome.heard_s = session.heard_s
        outcome.taken = source.taken
        outcome.elapsed_s = time.monotonic() - started_s
        return outcome

    def _changed(self, folder: Path, names: Iterable[str]) -> list[Path]:
        """Those of these files that somebody changed, where they are to stay."""
        there = [name for name in names if self._plan.keeps_changes and is_there(folder / name)]
        if not there:
            return []
        journal = Journal(folder)
        return [folder / name for name in there if journal.is_changed(name)]

    def _engine(self, job: Job) -> "_Engine":
        if job.engine not in self._engines:
            options = self._plan.load_options
            spec = find_engine(job.engine, options)
            try:
                agent = spec.load(options)
                self._engines[job.engine] = _Engine(spec, agent, self._stepper(agent))
            except S2stError as error:  # so it will be for the next recording, too
                self._engines[job.engine] = error
        engine = self._engines[job.engine]
        if isinstance(engine, S2stError):
            raise engine
        return engine

    def _open(self, job: Job, spec: EngineSpec) -> Recording:
        sound, rate_hz = job.input.sound, spec.input_rate_hz
        if job.input.path is not None:
            return open_recording(job.input.path, rate_hz, spec.file_block_ms, sound)
        if job.input.address:
            return open_address(job.input.address, rate_hz, spec.file_block_ms, sound)
        stream = open_descriptor(job.input.descriptor, job.input.label)
        raw_rate_hz = self._plan.raw_rate_hz
        if raw_rate_hz is None and (path := file_behind(stream)) is not None:
            return open_recording(path, rate_hz, spec.file_block_ms, sound)
        return open_pipe(stream, rate_hz, raw_rate_hz, name=job.input.label, choice=sound)


class _Outputs:
    """All files of one job. Abandoned when `stack` unwinds before `put_in_place`."""

    def __init__(self, job: Job, plan: BatchPlan, rate_hz: int, stack: ExitStack) -> None:
        self._plan = plan
        self._rate_hz = rate_hz
        self._stack = stack
        self._writers: list[tuple[TextIO, TextWriter]] = []
        self._wholes: dict[Path, WholeFile | WavFile] = {}
        """By where they will be."""
        self._mixes: list[tuple[WavFile, WavFile]] = []
        """Finished sound and the speech it is made of."""
        self._films: list[Film] = []
        self._limited: list[PeakLimited] = []
        """What holds the last of the speech back."""
        self._original: WavFile | None = None
        self.voices: dict[str, WrittenVoice] = {}
        self.paths = list(job.outputs(plan).values())
        self._trace: TextIO | None = None
        self._make_folder(job.input.folder)
        if plan.trace is not None:
            whole = WholeFile(plan.trace)
            stack.callback(whole.abandon)
            self._wholes[plan.trace] = whole
            self._trace = whole.open_text()
        for (language, form), path in job.outputs(plan).items():
            if form == WAV:
                self._open_speech(language, path)
            elif form == VIDEO:
                self._open_video(language, path, job)
            else:
                self._wholes[path] = self._open_text(language, form, path)

    def keep_original(self, source: Recording) -> AudioSource:
        """The source, kept for mixing if that was asked for."""
        if not self._mixes:
            return source
        self._original = WavFile(scratch(self.paths[0], ORIGINAL), self._rate_hz)
        self._stack.callback(self._original.abandon)
        return RecordedSource(source, self._original, source.clock)

    def hear(self, event: Event) -> None:
        if isinstance(event, EngineTrace):
            if self._trace is not None:
                self._trace.write(as_line({"language": event.language, **event.record}) + "\n")
            return
        for _, writer in self._writers:
            writer.hear(event)

    def complete(self, length_s: float) -> None:
        """Write what is left. `length_s` is the recording's: a dub is no shorter."""
        for file, writer in self._writers:
            writer.end()
            file.flush()
        if self._trace is not None:
            self._trace.flush()
        if self._mixes:
            from audio_io.mix import mix_into  # brings soundfile
        for limited in self._limited:
            limited.flush()
        for out, speech in self._mixes:
            assert self._original is not None and self._plan.mix_original_db is not None
            speech.close()
            self._original.close()
            mix_into(out, speech.part, self._original.part, self._plan.mix_original_db)
        for whole in self._wholes.values():
            if isinstance(whole, WavFile):
                if self._plan.timeline:
                    end_sample = round(length_s * self._rate_hz)
                    whole.write(AudioChunk(silence(0), self._rate_hz, end_sample))
                whole.close()
        for film in self._films:
            film.write()

    def digests(self) -> dict[str, str]:
        """Of what was completed, by name."""
        return {path.name: self.digest_of(path) for path in self.paths}

    def digest_of(self, path: Path) -> str:
        return digest(self._wholes[path].part)

    def put_in_place(self, kept: Collection[Path]) -> None:
        """All but what is `kept` as it is."""
        for path, whole in self._wholes.items():
            if path in kept:
                whole.abandon()
            else:
                whole.finish()

    def _open_text(self, language: str, form: str, path: Path) -> WholeFile:
        whole = WholeFile(path)
        self._stack.callback(whole.abandon)
        file = whole.open_text()
        self._writers.append((file, TEXT_FORMATS[form](file, language)))
        return whole

    def _open_video(self, language: str, path: Path, job: Job) -> None:
        """After its speech, and its subtitles if they are an output, too."""
        outputs = job.outputs(self._plan)
        speech, subtitles = self._wholes[outputs[language, WAV]], None
        if (language, "srt") in outputs:
            subtitles = self._wholes[outputs[language, "srt"]]
        if not isinstance(subtitles, WholeFile):
            subtitles = self._open_text(language, "srt", scratch(path, SUBTITLES))
        assert isinstance(speech, WavFile)
        whole = WholeFile(path)
        self._stack.callback(whole.abandon)
        self._wholes[path] = whole
        self._films.append(Film(whole, job, language, speech, subtitles))

    def _open_speech(self, language: str, path: Path) -> None:
        out = WavFile(path, self._rate_hz)
        self._stack.callback(out.abandon)
        self._wholes[path] = out
        pacer = Timeline() if self._plan.timeline else OneAfterAnother()
        if self._plan.mix_original_db is None:
            self._limited.append(PeakLimited(out))
            self.voices[language] = WrittenVoice(pacer, self._limited[-1])
            return
        speech = WavFile(scratch(path, SPEECH), self._rate_hz)
        self._stack.callback(speech.abandon)
        self._mixes.append((out, speech))  # which is limited as a whole
        self.voices[language] = WrittenVoice(pacer, speech)

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The output folder '{folder}' cannot be made ({error.strerror}).",
                hint="Name another with ⟦output⟧.",
            ) from error


def _unless_trace(event: Event, tell: Tell) -> None:
    """Traces have a file of their own."""
    if not isinstance(event, EngineTrace):
        tell(event)


def _count(stamped: Stamped, outcome: Outcome, outputs: _Outputs) -> None:
    event = stamped.event
    if isinstance(event, TargetAudio) or (
        isinstance(event, SourceText | TargetText) and event.committed
    ):
        outcome.utterances += event.utterance != outcome.last_utterance
        outcome.last_utterance = event.utterance
    elif isinstance(event, SpeechDropped):
        outcome.dropped += 1
    elif isinstance(event, AudioLost):
        outcome.lost.append(event)
    elif isinstance(event, UtteranceEnded):
        lags = [voice.pacer.lag_s for voice in outputs.voices.values()]
        outcome.lag_s = max([outcome.lag_s, *lags])
