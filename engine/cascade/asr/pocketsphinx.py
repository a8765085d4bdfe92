"""pocketsphinx and the English model in its package: small, offline, and a draft.

A decoder carries cepstral means and noise estimates from one utterance to the next, so the same
sound would give other words in another order of files. Here the front end is set up anew before
every utterance; what may carry over, the means of the streaming pass, lies in the stream's state.
"""

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pocketsphinx

from audio_io.chunk import Samples
from audio_io.pcm import to_pcm16
from engine.errors import EngineError, LanguageError
from engine.events import Word

logger = logging.getLogger(__name__)

CEPSTRAL_MEANS = "44.7,4.2,-1.6,5.2,-5.0,0.2,-4.2,-1.5,0.2,-1.3,0.8,-1.1,1.9"
"""What every new stream starts from: the means the decoder had reached after each of 15 recordings
of 5 speakers, averaged. They matter to the streaming pass alone."""
FRAMES_PER_SECOND = 100
_ALTERNATIVE = re.compile(r"\(\d+\)$")


@dataclass(slots=True)
class PocketsphinxState:
    decoder: pocketsphinx.Decoder | None
    """Borrowed from the pool; None once released."""
    means: str = CEPSTRAL_MEANS
    """Cepstral means of the streaming pass: its idea of this speaker and microphone."""
    streaming: bool = False
    """Whether an utterance is open: the streaming pass's, but for the time of `recognize`."""


class PocketsphinxRecognizer:
    """`Recognizer` for English. Decoders, 0.4 s and 90 MB each, are pooled."""

    sources = frozenset({"eng"})
    sample_rate_hz = 16_000

    def __init__(self) -> None:
        self._idle: list[pocketsphinx.Decoder] = []
        self._lock = threading.Lock()

    def new_state(self, language: str) -> PocketsphinxState:
        if language not in self.sources:
            raise LanguageError(f"pocketsphinx hears only English, not '{language}'.")
        with self._lock:
            decoder = self._idle.pop() if self._idle else None
        return PocketsphinxState(decoder or self._new_decoder())

    def hear(self, samples: Samples, state: PocketsphinxState) -> tuple[Word, ...]:
        decoder = _decoder(state)
        if not state.streaming:
            decoder.reinit_feat()
            decoder.set_cmn(state.means)
            state.streaming = True
            decoder.start_utt()
        if len(samples):  # pocketsphinx takes no empty block
            decoder.process_raw(to_pcm16(samples))
        # Posteriors are only computed when an utterance ends; until then pocketsphinx says 1.0.
        return tuple(_words(decoder, measured=False))

    def end(self, state: PocketsphinxState) -> tuple[Word, ...]:
        decoder = _decoder(state)
        if not state.streaming:
            return ()
        decoder.end_utt()
        # Carried on: a stream keeps its speaker, microphone and level. With a microphone 20 dB too
        # soft, every utterance from the same start has half as many errors again.
        state.means = decoder.get_cmn()
        state.streaming = False
        return tuple(_words(decoder, measured=True))

    def recognize(self, samples: Samples, state: PocketsphinxState) -> tuple[Word, ...]:
        decoder = _decoder(state)
        self.end(state)
        if not len(samples):
            return ()
        decoder.reinit_feat()
        state.streaming = True  # should it be broken off, as by a signal
        decoder.start_utt()
        decoder.process_raw(to_pcm16(samples), full_utt=True)
        decoder.end_utt()
        state.streaming = False
        return tuple(_words(decoder, measured=True))

    def release(self, state: PocketsphinxState) -> None:
        decoder, state.decoder = state.decoder, None
        if decoder is None:
            return
        if state.streaming:
            state.streaming = False
            try:
                decoder.end_utt()
            except RuntimeError as error:  # a signal came while it started or ended one
                logger.debug("a decoder is dropped: %s", error)
                return
        with self._lock:
            self._idle.append(decoder)

    def _new_decoder(self) -> pocketsphinx.Decoder:
        try:
            return pocketsphinx.Decoder(samprate=float(self.sample_rate_hz), loglevel="FATAL")
        except (RuntimeError, OSError) as error:
            raise EngineError(
                f"pocketsphinx could not load its English model ({error}).",
                hint="Reinstall it: pip install --force-reinstall pocketsphinx",
            ) from error


def _decoder(state: PocketsphinxState) -> pocketsphinx.Decoder:
    if state.decoder is None:
        raise RuntimeError("this stream was released")
    return state.decoder


def _words(decoder: pocketsphinx.Decoder, *, measured: bool) -> Iterator[Word]:
    for segment in decoder.seg() or ():
        if segment.word[0] in "<[+":  # silence, sentence marks and noises
            continue
        yield Word(
            text=_ALTERNATIVE.sub("", segment.word),
            start_s=segment.start_frame / FRAMES_PER_SECOND,
            end_s=(segment.end_frame + 1) / FRAMES_PER_SECOND,
            confidence=min(1.0, segment.prob) if measured else None,
        )
