"""The tiny model, loaded once."""

from collections.abc import Iterator

import pytest
import torch

from audio_io.chunk import Samples
from engine.m4t.agent import M4tAgent
from engine.m4t.loading import M4tModel, load_model
from tests.fakes import DATA, speech

TINY = DATA / "m4t"


@pytest.fixture(scope="session")
def model() -> Iterator[M4tModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_model(TINY, device="cpu", dtype="fp32")
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def agent(model: M4tModel) -> M4tAgent:
    return M4tAgent(model)


@pytest.fixture(scope="session")
def sound() -> Samples:
    return speech("seamless/speech.wav")
