"""Text to units and units to sound of several sentences at once: each as it is alone."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from engine.layers import code_hifigan
from engine.seamless import unit_decoder
from engine.seamless.loading import SeamlessModel, load_model
from engine.seamless.unit_decoder import Characters
from tests.fakes import DATA


@pytest.fixture(scope="module")
def model() -> SeamlessModel:
    return load_model(DATA / "seamless", device="cpu", dtype="fp32")


@pytest.fixture(params=[0.0, 0.2, 1.0], ids=["apart", "alike", "all at once"])
def padded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    modules: tuple[ModuleType, ...] = (code_hifigan, unit_decoder)
    for module in modules:
        monkeypatch.setattr(module, "MOST_PADDING", request.param)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.usefixtures("padded")
def test_sentences_are_laid_out_as_each_is_alone(model: SeamlessModel) -> None:
    chance = torch.Generator().manual_seed(1)
    width = model.config.unit.model_dim
    features, spelled, factors = [], [], [1.0, 0.7, 1.5, 1.0]
    for positions in (7, 2, 11, 6):
        lengths = [0, *torch.randint(0, 5, (positions - 2,), generator=chance).tolist(), 3]
        symbols = torch.randint(0, 9, (sum(lengths),), generator=chance).tolist()
        features.append(torch.randn(positions, width, generator=chance))
        spelled.append(Characters(lengths, symbols))

    laid = model.units.durations(features, spelled, factors)
    units = model.units.units([states for states, _ in laid], [lasting for _, lasting in laid])

    assert len({len(each) for each in units}) > 1, "none was padded"
    for place, (states, lasting) in enumerate(laid):
        [alone] = model.units.durations([features[place]], [spelled[place]], [factors[place]])
        torch.testing.assert_close(states, alone[0], rtol=0, atol=1e-5)
        assert lasting.tolist() == alone[1].tolist()
        assert units[place].tolist() == model.units.units([alone[0]], [alone[1]])[0].tolist()


@pytest.mark.usefixtures("padded")
def test_sounds_end_as_each_ends_alone(model: SeamlessModel) -> None:
    chance = torch.Generator().manual_seed(2)
    units = [torch.randint(0, 50, (count,), generator=chance) for count in (9, 1, 30, 28)]
    voices = ([0, 1, 1, 0], [1, 0, 1, 0])

    sounds = model.vocoder(units, *voices)

    for own, language, speaker, sound in zip(units, *voices, sounds, strict=True):
        [alone] = model.vocoder([own], [language], [speaker])
        assert len(sound) == len(own) * 320
        torch.testing.assert_close(sound, alone, rtol=0, atol=1e-5)
