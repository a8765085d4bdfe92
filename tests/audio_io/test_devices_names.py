"""Which device a name, a number or nothing means."""

import pytest

from audio_io.devices import Device, Direction, find_device
from audio_io.errors import DeviceError


def device(number: int, name: str, ins: int = 2, outs: int = 0, **more: object) -> Device:
    values = {"host": "ALSA", "rate_hz": 48_000, "port": number, **more}
    return Device(number, name, input_channels=ins, output_channels=outs, **values)  # type: ignore[arg-type]


MACHINE = [
    device(0, "HDA Intel: ALC257 Analog (hw:0,0)", outs=2),
    device(1, "HDA Intel: HDMI 0 (hw:0,3)", 0, 8),
    device(2, "USB", outs=0),
    device(3, "USB Audio Device: - (hw:1,0)", outs=2),
    device(4, "pulse", 32, 32, default_input=True, default_output=True),
    device(5, "Built-in Audio", server_name="alsa_input.pci.analog-stereo", default_input=True),
    device(6, "Headset", 1, server_name="bluez_input.00_11", rate_hz=16_000),
    device(7, "Headset", 0, 2, server_name="bluez_output.00_11", default_output=True),
]


@pytest.mark.parametrize(
    ("asked", "direction", "number"),
    [
        ("3", Direction.INPUT, 3),
        (" 3 ", Direction.INPUT, 3),
        ("USB", Direction.INPUT, 2),  # a whole name wins over a part
        ("usb", Direction.INPUT, 2),
        ("usb audio", Direction.INPUT, 3),
        ("hdmi", Direction.OUTPUT, 1),
        ("headset", Direction.INPUT, 6),  # each direction has its own
        ("headset", Direction.OUTPUT, 7),
        ("bluez_input.00_11", Direction.INPUT, 6),
        ("analog-stereo", Direction.INPUT, 5),
        ("hw:1", Direction.OUTPUT, 3),
        (None, Direction.INPUT, 5),  # the server's own default, not the way to it
        (None, Direction.OUTPUT, 7),
    ],
)
def test_a_device_is_found(asked: str | None, direction: Direction, number: int) -> None:
    assert find_device(MACHINE, asked, direction).number == number


def test_several_matches_are_listed_with_their_numbers() -> None:
    with pytest.raises(DeviceError) as told:
        find_device(MACHINE, "hda", Direction.OUTPUT)
    assert "'hda' may mean several speakers" in str(told.value)
    assert "0 'HDA Intel: ALC257 Analog (hw:0,0)', 1 'HDA Intel: HDMI 0 (hw:0,3)'" in str(
        told.value
    )
    assert "Give the number." in str(told.value)


def test_a_long_list_of_matches_is_cut() -> None:
    many = [device(number, f"mic {number}") for number in range(9)]
    with pytest.raises(DeviceError, match=r"5 'mic 5' and 3 more\."):
        find_device(many, "mic", Direction.INPUT)


def test_devices_of_one_name_need_a_number() -> None:
    twins = [device(0, "USB"), device(1, "USB"), device(2, "USB 2")]
    with pytest.raises(DeviceError, match=r"0 'USB', 1 'USB'\."):
        find_device(twins, "USB", Direction.INPUT)
    assert find_device(twins, "1", Direction.INPUT).number == 1


@pytest.mark.parametrize(
    ("asked", "direction", "told"),
    [
        ("banjo", Direction.INPUT, "No microphone matches 'banjo'; there are 6"),
        ("banjo", Direction.OUTPUT, "No speaker matches 'banjo'; there are 5"),
        ("99", Direction.INPUT, "No microphone has the number 99"),
        ("1", Direction.INPUT, "No microphone has the number 1"),  # it is a speaker
        ("hdmi", Direction.INPUT, "No microphone matches 'hdmi'"),
    ],
)
def test_what_is_not_there_is_said(asked: str, direction: Direction, told: str) -> None:
    with pytest.raises(DeviceError, match=told) as error:
        find_device(MACHINE, asked, direction)
    assert "`s2st devices`" in str(error.value)


def test_a_machine_without_microphones_says_so() -> None:
    for asked in (None, "usb", "0"):
        with pytest.raises(DeviceError, match="This machine has no microphone"):
            find_device([device(0, "HDMI", 0, 8)], asked, Direction.INPUT)


def test_a_machine_without_a_default_asks_for_a_choice() -> None:
    with pytest.raises(DeviceError, match=r"no default speaker\. Choose one .* ⟦output⟧"):
        find_device([device(0, "HDMI", 0, 8)], None, Direction.OUTPUT)
