"""`JoinedDecoder`: several recordings heard as one."""

from collections.abc import Callable, Iterator, Sequence

from audio_io.chunk import silence
from audio_io.decoding.decoded import DecodedBlock, Decoder
from audio_io.errors import SoundFileError


class JoinedDecoder:
    """One part after the other, each opened when the one before has ended.

    What cannot be opened is a loss, unless it is the first.
    """

    def __init__(self, parts: Sequence[Callable[[], Decoder]], what: str) -> None:
        """`what` they are, for people: "links".

        Raises:
            SoundFileError: the first part cannot be read.
        """
        self._parts = parts
        self._what = what
        self._now: Decoder = parts[0]()
        self._first_taken = ""

    @property
    def duration_s(self) -> float | None:
        return self._now.duration_s if len(self._parts) == 1 else None

    @property
    def taken(self) -> str:
        parts = [self._first_taken or self._now.taken]
        if len(self._parts) > 1:
            parts.append(f"all of its {len(self._parts)} {self._what}")
        return ", ".join(part for part in parts if part)

    def __iter__(self) -> Iterator[DecodedBlock]:
        rate_hz = 0
        for index, part in enumerate(self._parts):
            if index:
                self._first_taken = self._first_taken or self._now.taken
                self._now.close()
                try:
                    self._now = part()
                except SoundFileError as error:
                    yield DecodedBlock(silence(0), rate_hz or 16_000, 0.0, str(error.args[0]))
                    continue
            for block in self._now:
                rate_hz = block.sample_rate_hz
                yield block

    def close(self) -> None:
        self._now.close()
