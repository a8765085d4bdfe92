"""What a live session came to, at its end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from audio_io.device_stream import DeviceNotice
from cli.live.ends import LiveEnds
from cli.live.output import say
from engine.live.conversation import Conversation
from engine.live.recorder import Recorder
from engine.metrics.meter import Percentiles


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a session that is over."""

    conversation: Conversation
    ends: LiveEnds
    recorder: Recorder | None
    notices: Sequence[DeviceNotice]
    elapsed_s: float

    def tell(self, *, quiet: bool) -> None:
        """In words; `quiet` only what was lost."""
        conversation, tally = self.conversation, self.conversation.meter.tally
        if not quiet:
            heard = f"{conversation.heard_s:.0f} s heard in {self.elapsed_s:.0f} s"
            written = ", ".join(f"{n} {code}" for code, n in tally.target_words.items())
            say(f"{heard}; words: {tally.source_words} heard, written: {written or 'none'}")
            if self.ends.voice is not None and tally.start_lag is not None:
                say(f"start lag {tally.start_lag}; end lag {tally.end_lag}")
            elif self.ends.voice is not None:
                say("lag: not measured, nothing was spoken")
            if taken := self.ends.taken():
                say(f"heard {taken}")
        losses = []
        if tally.dropped_clauses:
            losses.append(f"{tally.dropped_clauses} clauses ({tally.dropped_s:.1f} s) not spoken")
        if tally.lost_count:
            losses.append(f"{tally.lost_s:.1f} s of sound not heard, in {tally.lost_count} pieces")
        speaker = self.ends.speaker
        if speaker is not None and speaker.underflows:
            losses.append(f"the speaker ran dry {speaker.underflows} times")
        if unchecked_s := self._unchecked_s():
            losses.append(f"{unchecked_s:.1f} s of speech not checked")
        if losses or not quiet:
            say("; ".join(losses) if losses else "nothing was lost")
        for notice in self.notices:
            say(f"device: {notice.text}")
        if self.recorder is not None and not quiet:
            until = ", up to the error" if self.recorder.error is not None else ""
            say(f"recorded in {self.recorder.folder}{until}")

    def record(self) -> dict[str, object]:
        """As JSON."""
        conversation, tally = self.conversation, self.conversation.meter.tally
        return {
            "type": "summary",
            "elapsed_s": round(self.elapsed_s, 3),
            "heard_s": round(conversation.heard_s, 3),
            "source_words": tally.source_words,
            "target_words": tally.target_words,
            "start_lag": _record(tally.start_lag),
            "end_lag": _record(tally.end_lag),
            "dropped_clauses": tally.dropped_clauses,
            "lost_s": round(tally.lost_s, 3),
            "unchecked_s": self._unchecked_s(),
            "device_events": len(self.notices),
        }

    def _unchecked_s(self) -> float | None:
        """Speech that was not checked; None where none is."""
        check = self.conversation.check
        return None if check is None else round(check.unchecked_s, 3)


def _record(lag: Percentiles | None) -> dict[str, float] | None:
    return None if lag is None else asdict(lag)
