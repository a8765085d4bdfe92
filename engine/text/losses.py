"""What was lost of a recording, in words."""

from collections.abc import Sequence

from engine.events import AudioLost

_MOST_PLACES = 4


def told_of_losses(lost: Sequence[AudioLost]) -> str:
    """How much, how many pieces, where, and why. There is at least one."""
    lost_s = sum(each.end_s - each.start_s for each in lost)
    places = [_place(each) for each in lost[:_MOST_PLACES]]
    if len(lost) > _MOST_PLACES:
        places.append("...")
    reasons = " and ".join(dict.fromkeys(each.reason for each in lost))
    if len(lost) == 1:
        [only] = lost
        if only.end_s > only.start_s:
            return f"{lost_s:.1f} s of sound from {only.start_s:.1f} s on is missing: {reasons}"
        return f"some sound {places[0]} is missing or damaged: {reasons}"
    known = f", at least {lost_s:.1f} s in all" if lost_s else ""
    return (
        f"{len(lost)} pieces of sound are missing or damaged{known} "
        f"({', '.join(places)}): {reasons}"
    )


def _place(lost: AudioLost) -> str:
    if lost.end_s > lost.start_s:
        return f"{lost.start_s:.1f}-{lost.end_s:.1f} s"
    return f"at {lost.start_s:.1f} s"
