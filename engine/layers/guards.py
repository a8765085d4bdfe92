"""What a model may not say: nothing of mere noise, nothing in circles, nothing without end.

Pure functions; they know no language.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from audio_io.chunk import Samples

SILENT_DB = -70.0
"""Sound whose loudest moment is below this holds no speech; 0 dB is a full-scale square wave."""
STEADY_DB = 3.0
"""Syllables and pauses differ by more than this; a fan or a hiss does not."""
FRAME_MS = 30
STEADY_FRAMES = 16
"""Fewer frames cannot tell whether a sound is steady."""
LONGEST_LOOP = 24
"""Items of one round at most."""
LOOP_ITEMS = 8
"""Items that a loop has in all at least."""


def is_noise(samples: Samples, rate_hz: int) -> bool:
    """Whether sound is silence or a steady noise, in which a model would only imagine words."""
    size = rate_hz * FRAME_MS // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        frames = samples[None] if len(samples) else np.zeros((1, 1), np.float32)
    levels_db = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    if levels_db.max() < SILENT_DB:
        return True
    low_db, high_db = np.percentile(levels_db, [5, 95])
    return len(levels_db) >= STEADY_FRAMES and bool(high_db - low_db < STEADY_DB)


def without_loops(items: Sequence[Hashable], said: int = 0) -> list[int]:
    """The places of the items that stay when each loop keeps one round.

    A loop is a stretch of 1 to 24 items that follows itself at once, four times or more (three
    from six items on) and eight items in all. The first `said` items cannot be taken back: they
    stay, and what goes on with a loop that they began does not.
    """
    kept: list[int] = []
    place = 0
    while place < len(items):
        size, end = _loop_at(items, place)
        if not size:
            kept.append(place)
            place += 1
            continue
        kept.extend(range(place, max(place + size, min(end, said))))
        place = end
    return kept


def token_limit(seconds: float, most: int) -> int:
    """Tokens that sound of this length can stand for: more are imagined."""
    return max(1, min(most, 20 + round(15 * seconds)))


def _loop_at(items: Sequence[Hashable], place: int) -> tuple[int, int]:
    """Size of a round of the loop that begins here, and where the loop ends; (0, 0) for none."""
    for size in range(1, min(LONGEST_LOOP, (len(items) - place) // 3) + 1):
        end = place + size
        while end < len(items) and items[end] == items[end - size]:
            end += 1
        rounds = (end - place) // size
        if rounds >= (3 if size >= 6 else 4) and end - place >= LOOP_ITEMS:
            return size, end
    return 0, 0
