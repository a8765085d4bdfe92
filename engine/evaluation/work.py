"""Items of a test set as tasks of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from audio_io.errors import S2stError, system_said
from engine.evaluation.run_item import ItemRunner, RunConfig, open_engine, open_on, open_runner
from engine.metrics.result import Item, ItemResult
from engine.streams.child import Do, Progress, Tell
from engine.streams.gathering import GatheredAgent, GatheringStepper, StoppedError

MOST_TRIES = 3
"""An item whose process died so often is given up."""


@dataclass(frozen=True, slots=True)
class ItemWork:
    """Each item comes to its result, errors of its own included. Says how far it is, from 0 to
    1."""

    config: RunConfig
    verbose: bool = False

    @contextmanager
    def open(self) -> Iterator[Do]:
        """An agent, for items one after the other."""
        with open_runner(self.config) as runner:
            yield lambda item, tell: _result(runner, item, tell)

    @contextmanager
    def open_together(self) -> Iterator[tuple[Do, GatheringStepper]]:
        """An engine, for items at once."""
        with open_engine(self.config) as (spec, engine):
            stepper = GatheringStepper(engine)

            def do(item: Item, tell: Tell) -> ItemResult:
                with open_on(GatheredAgent(stepper), spec, self.config) as runner:
                    return _result(runner, item, tell)

            yield do, stepper


def failure(item: Item, error: str) -> ItemResult:
    """The result of an item that has none."""
    return ItemResult(
        index=item.index,
        id=item.id,
        audio=str(item.audio),
        target=item.target,
        reference=item.reference,
        source_text=item.source_text,
        error=" ".join(error.split()),
    )


def _result(runner: ItemRunner, item: Item, tell: Tell) -> ItemResult:
    """One bad recording does not stop the others."""
    try:
        return runner.run(item, lambda part: tell(Progress(part)))
    except StoppedError:
        raise
    except S2stError as error:
        return failure(item, str(error))
    except OSError as error:
        return failure(item, f"{system_said(error)}.")
    except Exception as error:  # an engine's or an agent's own
        return failure(item, f"{type(error).__name__}: {error}")
