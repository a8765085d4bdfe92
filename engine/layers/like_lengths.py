"""Which sequences are worth computing as one padded batch."""

from collections.abc import Sequence


def of_like_length(
    lengths: Sequence[int], most_padding: float, most: int | None = None
) -> list[list[int]]:
    """The places of sequences to be computed together, longest first: at most `most` at once, and
    no more than the part `most_padding` (0 to 1) of what is computed is padding."""
    groups: list[list[int]] = []
    held = 0
    for place in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if groups and (most is None or len(groups[-1]) < most):
            padded = lengths[groups[-1][0]] * (len(groups[-1]) + 1)
            if padded - (held + lengths[place]) <= most_padding * padded:
                groups[-1].append(place)
                held += lengths[place]
                continue
        groups.append([place])
        held = lengths[place]
    return groups
