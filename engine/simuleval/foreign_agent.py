"""`ForeignAgent`: any SimulEval agent as an engine of ours.

It hears segments of one length, as SimulEval's evaluator sends them, and its memory of a stream is
in itself: every stream that is open at the same time has a process of its own.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.resample import StreamResampler
from engine.agent import Agent, StreamRequest, Task
from engine.errors import EngineError, LanguageError
from engine.events import Event, SourceText, TargetText, UtteranceEnded
from engine.languages import LANGUAGES
from engine.registry import EngineSpec, LoadOptions, Missing
from engine.registry.extras import to_install
from engine.simuleval.process import AgentDescription, AgentProcess, ForeignAgentConfig, Written
from engine.text.output import Output, Span

QUIET_S = 2.0
"""Source time without a word of the agent that ends an utterance; also how far before its first
word the next one may start."""
LONGEST_FILL_S = 10.0
"""Lost sound up to this long is silence to the agent; after more it starts afresh."""
UNDETERMINED = "und"
"""ISO 639-3 for a language that nobody named."""


@dataclass(frozen=True, slots=True)
class ForeignEngineConfig:
    agent: ForeignAgentConfig
    segment_ms: int = 320
    """Sound the agent is sent at a time."""
    output_rate_hz: int = 24_000
    """Rate of the speech handed on, whatever the agent's own."""

    def __post_init__(self) -> None:
        if self.segment_ms < 1 or self.output_rate_hz < 1:
            raise ValueError("segment_ms and output_rate_hz must be at least 1")


@dataclass(slots=True)
class ForeignState:
    output: Output
    language: str
    """Of what the agent writes."""
    process: AgentProcess | None
    """None once the stream is over."""
    sample_rate_hz: int = 0
    """Of the source; 0 before the first chunk."""
    next_sample: int = 0
    """Where the next chunk must start."""
    unsent: Samples = field(default_factory=lambda: silence(0))
    """Sound that the agent has not heard."""
    origin_sample: int = 0
    """Stream time at which the agent began to listen."""
    sent_samples: int = 0
    """What it has heard since."""
    is_over: bool = False
    """Whether the agent was told that the source is finished."""
    utterance: int = 0
    """Number of the open utterance, or of the next one."""
    opened_at_s: float | None = None
    """Source time at which the open utterance starts; None when none is open."""
    covered_s: float = 0.0
    """Source time up to which everything is written: the end of the last span."""
    after_quiet: bool = False
    """Whether the last utterance ended because nothing was written any more."""
    resampler: StreamResampler | None = None
    """Of the open utterance's speech; None before it."""
    resampled_hz: int = 0
    """Rate of the speech that the resampler takes."""

    @property
    def sent_s(self) -> float:
        """Source time up to which the agent has heard."""
        return (self.origin_sample + self.sent_samples) / self.sample_rate_hz


class ForeignAgent(Agent[AudioChunk, Event, ForeignState]):
    """Hears any rate and any language; what it does with them is the agent's affair."""

    def __init__(self, config: ForeignEngineConfig) -> None:
        """Starts the first process; it loads while other things are made ready."""
        self._config = config
        self._lock = threading.Lock()
        """Over the two lists and `_closed`; never held while a process does something."""
        self._first = AgentProcess(config.agent)
        self._processes = [self._first]
        self._idle = [self._first]
        self._closed = False

    def wait_until_loaded(self) -> AgentDescription:
        """Raises what kept the first process from loading."""
        return self._first.wait_until_loaded()

    def new_state(self, request: StreamRequest) -> ForeignState:
        language = _language(request)
        process = self._borrow()
        try:
            _check_types(process.wait_until_loaded(), request)
            process.reset()
        except BaseException:
            self._give_back(process)
            raise
        output = Output(request, self._config.output_rate_hz, (language,))
        return ForeignState(output, language, process)

    def step(self, chunk: AudioChunk, state: ForeignState) -> Iterator[Event]:
        if not state.sample_rate_hz:
            state.sample_rate_hz = chunk.sample_rate_hz
            self._begin(chunk.start_sample, state)
        if chunk.sample_rate_hz != state.sample_rate_hz:
            raise ValueError(f"the rate of a stream is fixed: {state.sample_rate_hz} Hz")
        lost = chunk.start_sample - state.next_sample
        if 0 <= lost <= LONGEST_FILL_S * state.sample_rate_hz:
            state.unsent = np.concatenate([state.unsent, silence(lost)])
        else:
            yield from self._finish(state)
            _process(state).reset()
            self._begin(chunk.start_sample, state)
        state.next_sample = chunk.end_sample
        state.unsent = np.concatenate([state.unsent, chunk.samples])
        yield from self._send_whole(state)
        if chunk.boundary is Boundary.STREAM:
            yield from self._finish(state)

    def release(self, state: ForeignState) -> None:
        process, state.process = state.process, None
        if process is not None:
            self._give_back(process)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            processes, self._processes, self._idle = self._processes, [], []
        with ExitStack() as stack:  # one that fails does not keep the others
            for process in processes:
                stack.callback(process.close)

    def _borrow(self) -> AgentProcess:
        """A process that no stream uses, or a new one."""
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                break
            if idle.is_alive:
                return idle
            self._discard(idle)
        process = AgentProcess(self._config.agent)
        with self._lock:
            if not self._closed:
                self._processes.append(process)
                return process
        process.close()
        raise EngineError(f"The agent '{self._config.agent.agent}' is closed.")

    def _give_back(self, process: AgentProcess) -> None:
        if process.is_alive:
            with self._lock:
                if not self._closed:
                    self._idle.append(process)
        else:
            self._discard(process)

    def _discard(self, process: AgentProcess) -> None:
        """It died, or was killed: no stream gets it again."""
        with self._lock:
            if process in self._processes:
                self._processes.remove(process)
        process.close()

    def _begin(self, sample: int, state: ForeignState) -> None:
        """The agent listens from here on."""
        state.next_sample = state.origin_sample = sample
        state.sent_samples = 0
        state.covered_s = sample / state.sample_rate_hz
        state.after_quiet = state.is_over = False

    def _send_whole(self, state: ForeignState) -> Iterator[Event]:
        """Every whole segment. Without hurry one is held back: it may be the last, and says so."""
        size = math.ceil(self._config.segment_ms / 1000 * state.sample_rate_hz)
        kept = 0 if state.output.request.live else 1
        while len(state.unsent) >= size + kept:
            segment, state.unsent = state.unsent[:size], state.unsent[size:]
            yield from self._send(segment, state, finished=False)

    def _finish(self, state: ForeignState) -> Iterator[Event]:
        """The agent's source is over. An agent that heard nothing is told nothing."""
        if state.is_over or not (state.sent_samples or len(state.unsent)):
            return
        segment, state.unsent = state.unsent, silence(0)
        state.is_over = True
        yield from self._send(segment, state, finished=True)

    def _send(self, segment: Samples, state: ForeignState, *, finished: bool) -> Iterator[Event]:
        process = _process(state)
        state.sent_samples += len(segment)
        parts = process.step(
            segment,
            state.sample_rate_hz,
            sent_ms=1000 * state.sent_samples / state.sample_rate_hz,
            finished=finished,
            target_language=None if state.language == UNDETERMINED else state.language,
        )
        yield from self._say(parts, state)
        # Branches of a tree of agents are through one by one, the agent when all of them are.
        through = bool(parts) and all(part.finished for part in parts)
        if finished or through:
            yield from self._end_utterance(state)
            state.covered_s, state.after_quiet = state.sent_s, False
        elif state.opened_at_s is not None and state.sent_s - state.covered_s >= QUIET_S:
            yield from self._end_utterance(state)
            state.after_quiet = True
        if through and not finished:
            process.reset()

    def _say(self, parts: list[Written], state: ForeignState) -> Iterator[Event]:
        """Events of what the agent wrote in one answer; all of them share its span."""
        request, language = state.output.request, state.language
        texts = [part.text.strip() for part in parts if part.text]
        texts = [text for text in texts if text]
        speech = [part for part in parts if part.samples is not None and request.speaks(language)]
        if not texts and not speech:
            return
        start_s, end_s = state.covered_s, state.sent_s
        if state.after_quiet and state.opened_at_s is None:
            start_s = max(start_s, end_s - QUIET_S)
        if state.opened_at_s is None:
            state.opened_at_s = start_s
        state.covered_s = end_s
        kind = SourceText if request.task is Task.ASR else TargetText
        for text in texts:
            joined = state.output.committed(text, language)
            yield kind(state.utterance, language, joined, start_s, end_s, True)
        for part in speech:
            assert part.samples is not None
            if state.resampler is None or state.resampled_hz != part.sample_rate_hz:
                yield from self._flush(start_s, end_s, state)
                state.resampled_hz = part.sample_rate_hz
                state.resampler = StreamResampler(part.sample_rate_hz, self._config.output_rate_hz)
            yield from self._speak(state.resampler.process(part.samples), start_s, end_s, state)

    def _speak(
        self, samples: Samples, start_s: float, end_s: float, state: ForeignState
    ) -> Iterator[Event]:
        if len(samples):
            span = Span(state.utterance, start_s, end_s)
            yield state.output.speech(span, state.language, samples)

    def _flush(self, start_s: float, end_s: float, state: ForeignState) -> Iterator[Event]:
        """What the resampler still holds."""
        resampler, state.resampler = state.resampler, None
        if resampler is not None:
            yield from self._speak(resampler.process(silence(0), last=True), start_s, end_s, state)

    def _end_utterance(self, state: ForeignState) -> Iterator[Event]:
        if state.opened_at_s is None:
            return
        start_s, end_s = state.opened_at_s, state.covered_s
        yield from self._flush(start_s, end_s, state)
        state.opened_at_s = None
        utterance, state.utterance = state.utterance, state.utterance + 1
        yield UtteranceEnded(utterance, start_s, end_s)


def _language(request: StreamRequest) -> str:
    """The one language the agent writes."""
    if request.task is Task.ASR:
        return request.source or (request.targets[0] if request.targets else UNDETERMINED)
    if len(request.targets) != 1:
        raise LanguageError(
            f"A SimulEval agent writes one language, and {len(request.targets)} were asked for.",
            hint="Run it once for each.",
        )
    return request.targets[0]


def _check_types(description: AgentDescription, request: StreamRequest) -> None:
    """Whether the agent makes what is asked of it."""
    made = description.target_type.split("_")
    wants_speech = any(request.speaks(target) for target in request.targets)
    if wants_speech and "speech" not in made:
        raise EngineError(
            f"The agent '{description.name}' writes {description.target_type} and does not speak.",
            hint="Ask for text only: ⟦formats⟧ srt,txt",
        )
    if not wants_speech and "text" not in made:
        raise EngineError(
            f"The agent '{description.name}' speaks and writes no text.",
            hint="Ask for speech: ⟦formats⟧ wav",
        )


def _process(state: ForeignState) -> AgentProcess:
    assert state.process is not None, "the stream is over"
    return state.process


def agent_spec(options: LoadOptions) -> EngineSpec:
    """The agent that the options name, as an engine. What it really covers only it knows."""
    assert options.agent is not None
    every = frozenset(LANGUAGES)
    return EngineSpec(
        name="agent",
        summary=f"the SimulEval agent {options.agent.agent}",
        sources=every,
        text_targets=every,
        speech_targets=every,
        input_rate_hz=options.agent_rate_hz,
        output_rate_hz=24_000,
        load=_load,
        missing=_missing,
        hears_any=True,
        tells_source=False,
    )


def _load(options: LoadOptions) -> ForeignAgent:
    assert options.agent is not None
    return ForeignAgent(ForeignEngineConfig(options.agent, options.agent_segment_ms))


def _missing(_: StreamRequest, options: LoadOptions) -> list[Missing]:
    """What the agent needs of this Python; of another, loading it says."""
    assert options.agent is not None
    if options.agent.python is None and find_spec("simuleval") is None:
        return [Missing("simuleval", to_install("evaluate"))]
    return []
