"""One item of a test set through an agent, as SimulEval's evaluator would send it."""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from audio_io.chunk import Samples, silence
from audio_io.errors import S2stError
from audio_io.recordings.recording import open_recording
from engine.agent import Agent, StreamRequest, Task
from engine.errors import EngineError
from engine.evaluation.instances import SpeechInstance, TextInstance
from engine.events import AudioLost
from engine.metrics.result import Item, ItemResult
from engine.registry import EngineSpec, LoadOptions, find_engine
from engine.simuleval.process import AgentProcess, ForeignAgentConfig
from engine.text.losses import told_of_losses

if TYPE_CHECKING:
    from engine.simuleval.bridge import EngineStates


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """What is evaluated: an engine of ours, or somebody's SimulEval agent. Travels to workers."""

    engine: str
    request: StreamRequest
    load_options: LoadOptions = field(default_factory=LoadOptions)
    foreign: ForeignAgentConfig | None = None
    """A SimulEval agent, instead of the engine."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How every item is run. Travels to workers."""

    agent: AgentChoice
    output: Path
    """Folder of the wavs."""
    segment_ms: int = 320
    """SimulEval's `source_segment_size`."""
    unit: str = "word"
    """What latency is counted in: word, char or spm."""
    spm_model: Path | None = None
    """SentencePiece model, for the unit spm."""
    at_once: int = 1
    """How many items are at work at the same time."""
    threads: int = 1
    """For the mathematics of each; more may change the last digits."""
    source_rate_hz: int | None = None
    """For foreign agents: bring recordings to this rate; None leaves each at its own."""


class Segments(Protocol):
    """What an item's segments are sent to."""

    def reset(self) -> None:
        """A new stream begins."""

    def pushpop(self, segment: Any) -> Any:
        """A SimulEval segment, a `SpeechTextSegment`, or a list of them."""


class ItemRunner:
    """Runs items one after the other on one agent."""

    def __init__(
        self,
        agent: Segments,
        config: RunConfig,
        rate_hz: int | None,
        *,
        text: bool,
        speech: bool,
        ran_on: str = "",
    ) -> None:
        """`rate_hz` is what the agent hears, None the recording's own rate; `text` and `speech`
        say what it writes."""
        self._ran_on = ran_on
        self._agent = agent
        self._config = config
        self._rate_hz = rate_hz
        self._writes_text = text
        self._speaks = speech

    def run(self, item: Item, progress: Callable[[float], None] | None = None) -> ItemResult:
        """`progress` is told which part of the recording was sent. Raises what the recording or the
        agent raises."""
        heard = _read(item, self._rate_hz)
        samples, rate_hz = heard.samples, heard.rate_hz
        text = self._text_instance(item, samples, rate_hz) if self._writes_text else None
        speech = (
            SpeechInstance(item, samples, rate_hz, self._config.output) if self._speaks else None
        )
        started_s = time.perf_counter()
        self._send(text, speech, progress)
        compute_ms = 1000 * (time.perf_counter() - started_s)
        return ItemResult(
            index=item.index,
            id=item.id,
            audio=str(item.audio),
            target=item.target,
            reference=item.reference,
            source_text=item.source_text,
            source_ms=1000 * len(samples) / rate_hz,
            source_rate_hz=rate_hz,
            text=text.output(self._erased()) if text is not None else None,
            speech=speech.output() if speech is not None else None,
            compute_ms=compute_ms,
            at_once=self._config.at_once,
            ran_on=self._ran_on,
            lost_ms=1000 * sum(each.end_s - each.start_s for each in heard.lost),
            lost=told_of_losses(heard.lost) if heard.lost else "",
            taken=heard.taken,
            unclear=self._states.unclear if self._states is not None else 0,
        )

    def _send(
        self,
        text: TextInstance | None,
        speech: SpeechInstance | None,
        progress: Callable[[float], None] | None,
    ) -> None:
        sender = speech or text
        assert sender is not None
        self._agent.reset()
        while not sender.source_finished_reading:
            segment = sender.send_source(self._config.segment_ms)
            if text is not None and speech is not None:
                text.follow(speech)
            finished = False
            for part in _parts(self._agent.pushpop(segment)):
                finished |= part.finished
                if part.data_type == "text" and text is not None:
                    text.receive_prediction(part)
                elif part.data_type == "speech" and speech is not None:
                    speech.receive_prediction(part)
            if finished and not sender.source_finished_reading:
                self._agent.reset()  # as SimulEval does: it goes on with a new sentence
            if progress is not None:
                progress(sender.step / len(sender.samples))

    def _text_instance(self, item: Item, samples: Samples, rate_hz: int) -> TextInstance:
        return TextInstance(item, samples, rate_hz, self._config.unit)

    def _erased(self) -> int | None:
        if self._states is None or self._states.flicker is None:
            return None
        return self._states.flicker.erased

    @property
    def _states(self) -> "EngineStates | None":
        """What an engine of ours remembers of the recording; None with somebody's agent."""
        from engine.simuleval.bridge import EngineAgent

        return self._agent.states if isinstance(self._agent, EngineAgent) else None


@contextmanager
def open_runner(config: RunConfig) -> Iterator[ItemRunner]:
    """Load the agent, and end it afterwards."""
    choice = config.agent
    if choice.foreign is not None:
        with _foreign(choice, config) as runner:
            yield runner
        return
    with open_engine(config) as (spec, engine), open_on(engine, spec, config) as runner:
        yield runner


@contextmanager
def open_engine(config: RunConfig) -> Iterator[tuple[EngineSpec, Agent[Any, Any, Any]]]:
    """Load the engine, and end it afterwards."""
    choice = config.agent
    options = choice.load_options
    spec = find_engine(choice.engine, options)
    use_threads(config.threads)
    engine = spec.load(options)
    use_threads(config.threads)
    try:
        engine.release(engine.new_state(choice.request))  # refuses what no item could do
        yield spec, engine
    finally:
        engine.close()


@contextmanager
def open_on(
    engine: Agent[Any, Any, Any], spec: EngineSpec, config: RunConfig
) -> Iterator[ItemRunner]:
    """A runner on an engine that is loaded; one engine may have several."""
    from engine.metrics.scored import load_spm
    from engine.simuleval.bridge import EngineAgent, SpeechToText, pieces

    request = config.agent.request
    speaks = request.task is Task.S2ST
    to_units: Callable[[str], str] | None = None
    if config.unit == "spm":
        model = load_spm(config.spm_model)
        to_units = lambda text: pieces(model, text)  # noqa: E731
    rate_hz = _rate(spec)
    kind = EngineAgent if speaks else SpeechToText
    agent = kind(engine, request, rate_hz, to_units)
    try:
        yield ItemRunner(agent, config, rate_hz, text=True, speech=speaks, ran_on=machine())
    finally:
        agent.states.close()


def use_threads(count: int) -> None:
    """For what is loaded from now on, and for torch also later."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def machine() -> str:
    """The processor and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} of {os.cpu_count()} cores, {platform.platform()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _rate(spec: EngineSpec) -> int:
    assert spec.input_rate_hz is not None  # only foreign agents have none
    return spec.input_rate_hz


class _ForeignSegments:
    """A SimulEval agent in its own process, given SimulEval's segments."""

    def __init__(self, process: AgentProcess) -> None:
        self._process = process

    def reset(self) -> None:
        self._process.reset()

    def pushpop(self, segment: Any) -> list[Any]:
        from simuleval.data.segments import EmptySegment, SpeechSegment, TextSegment

        samples = silence(0) if segment.is_empty else np.asarray(segment.content, np.float32)
        written = self._process.step(
            samples,
            0 if segment.is_empty else segment.sample_rate,
            sent_ms=segment.index,
            finished=segment.finished,
            target_language=None if segment.is_empty else segment.tgt_lang,
        )
        parts: list[Any] = []
        for part in written:
            if part.text is not None:
                parts.append(TextSegment(content=part.text, finished=part.finished))
            elif part.samples is not None:
                parts.append(
                    SpeechSegment(
                        content=part.samples,
                        sample_rate=part.sample_rate_hz,
                        finished=part.finished,
                    )
                )
            else:
                parts.append(EmptySegment(finished=part.finished))
        return parts


@contextmanager
def _foreign(choice: AgentChoice, config: RunConfig) -> Iterator[ItemRunner]:
    """The agent, with a new process where the one before died of an item."""
    assert choice.foreign is not None
    agent = _LastingAgent(replace(choice.foreign, threads=config.threads))
    try:
        target = agent.description.target_type
        text, speech = "text" in target, "speech" in target
        if choice.request.task is not Task.S2ST:
            speech = False
        if not (text or speech):
            raise EngineError(
                f"The agent '{choice.foreign.agent}' writes {target}, not text.",
                hint="Evaluate it with ⟦task⟧ s2st.",
            )
        if choice.request.task is Task.S2ST and not speech:
            raise EngineError(
                f"The agent '{choice.foreign.agent}' writes {target}, not speech.",
                hint="Evaluate it with ⟦task⟧ s2tt.",
            )
        yield ItemRunner(
            agent,
            config,
            config.source_rate_hz,
            text=text,
            speech=speech,
            ran_on=f"{machine()}, agent on python {agent.description.python_version}, "
            f"simuleval {agent.description.simuleval_version}",
        )
    finally:
        agent.close()


class _LastingAgent:
    """A foreign agent that is started again after it died: only the item it had fails."""

    def __init__(self, config: ForeignAgentConfig) -> None:
        self._config = config
        self._process = AgentProcess(config)
        try:
            self.description = self._process.wait_until_loaded()
        except BaseException:
            self._process.close()
            raise
        self._is_sound = True

    def reset(self) -> None:
        if not self._is_sound:
            self._process.close()
            self._process = AgentProcess(self._config)
            self._process.wait_until_loaded()
        self._is_sound = False
        self._process.reset()
        self._is_sound = True

    def pushpop(self, segment: Any) -> list[Any]:
        try:
            return _ForeignSegments(self._process).pushpop(segment)
        except S2stError:
            self._is_sound = self._process.is_alive
            raise

    def close(self) -> None:
        self._process.close()


def _parts(written: Any) -> list[Any]:
    """The text and speech segments of what an agent wrote."""
    if isinstance(written, list):
        return [part for each in written for part in _parts(each)]
    if getattr(written, "data_type", None) == "speech_text":
        return [written.text_segment, written.speech_segment]
    return [written]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A whole recording."""

    samples: Samples
    rate_hz: int
    lost: Sequence[AudioLost]
    taken: str


def _read(item: Item, rate_hz: int | None) -> _Heard:
    with open_recording(item.audio, rate_hz, 1000, item.sound) as recording:
        blocks: list[Samples] = []
        lost: list[AudioLost] = []
        end_sample, rate = 0, recording.sample_rate_hz
        for chunk in recording:
            gap = chunk.start_sample - end_sample
            if gap > 0 or chunk.lost_reason:
                lost.append(AudioLost(end_sample / rate, chunk.start_s, chunk.lost_reason))
            if gap > 0 and len(chunk.samples):  # silence stands for it, so that times stay right
                blocks.append(silence(gap))
            blocks.append(chunk.samples)
            end_sample = chunk.end_sample
        return _Heard(np.concatenate(blocks), rate, lost, recording.taken)
