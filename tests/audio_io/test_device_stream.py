"""What is said of a device that cannot be opened, for the errors PortAudio gives."""

import pytest

from audio_io.device_stream import refused
from audio_io.devices import Device, Direction

SPEAKER = Device(3, "USB Audio", "ALSA", 0, 2, 44_100, 3)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            "Error opening OutputStream: Device unavailable [PaErrorCode -9985]",
            "The speaker 'USB Audio' is in use by another program, or gone",
        ),
        (
            "Error opening OutputStream: Invalid sample rate [PaErrorCode -9997]",
            "The speaker 'USB Audio' takes no usual rate",
        ),
        (
            "Error opening OutputStream: Unanticipated host error\n[PaErrorCode -9999]",
            "The speaker 'USB Audio' cannot be opened",
        ),
    ],
)
def test_a_device_that_refuses_is_one_line_that_says_what_to_do(seen: str, said: str) -> None:
    line = str(refused(SPEAKER, Direction.OUTPUT, RuntimeError(seen)))
    assert line.startswith(said)
    assert "PaErrorCode" in line
    assert "with ⟦output⟧." in line
    assert "\n" not in line
