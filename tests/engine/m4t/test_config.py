"""What a stream cannot ask, and that the reason is said."""

import math
from typing import Any

import pytest

from engine.m4t.config import FILE_POLICY, LIVE_POLICY, M4tPolicy
from engine.m4t.spec import SPEC


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mode": "fast"}, "mode is complete, chunked, streamatt, not fast"),
        ({"window_s": 0.5}, "a window of 0.5 s is not longer than its overlap of 0.5 s"),
        ({"window_s": 12.0}, "a window has 10 s at most, not 12"),
        ({"window_s": 2.0, "overlap_s": 1.8}, "at least 0.5 s longer than its overlap"),
        ({"mode": "streamatt", "beams": 5}, "a committed word cannot be taken back"),
        ({"mode": "streamatt", "temperature": 0.5}, "temperature is 0"),
        ({"beams": 5, "temperature": 0.5}, "beams is 1 with it"),
        ({"beams": -1}, "not negative"),
        ({"max_length": 0}, "at least 1"),
        ({"frames": -1}, "not negative"),
        ({"max_history_s": 0.5}, "do not fit into the 0.5 s of sound"),
        ({"max_history_s": 31.0}, "max_history_s is 30 at most"),
        ({"temperature": math.inf}, "temperature is a number, not inf"),
        ({"window_s": math.nan}, "window_s is a number, not nan"),
        ({"frames": 500}, "500 frames of 160 ms and a hop do not fit"),
        ({"hop_ms": 10}, "hop_ms 10 is less than 100"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        M4tPolicy(**fields)


def test_beams_follow_the_mode_unless_they_are_given() -> None:
    assert FILE_POLICY.hypotheses == 5
    assert LIVE_POLICY.hypotheses == 1
    assert M4tPolicy(temperature=0.7).hypotheses == 1
    assert M4tPolicy(beams=2).hypotheses == 2


def test_the_engine_has_a_policy_for_each_mode() -> None:
    assert SPEC.policy("file") is FILE_POLICY
    assert SPEC.policy("live", {"frames": 4}) == M4tPolicy(mode="streamatt", frames=4)
