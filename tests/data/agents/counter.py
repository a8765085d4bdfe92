"""An agent that counts the seconds it has heard."""

from argparse import ArgumentParser, Namespace

from simuleval.agents import SpeechToTextAgent
from simuleval.agents.actions import Action, ReadAction, WriteAction
from simuleval.utils import entrypoint


@entrypoint
class Counter(SpeechToTextAgent):  # type: ignore[misc]
    def __init__(self, args: Namespace) -> None:
        super().__init__(args)
        self.unit = args.unit

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        parser.add_argument("--unit", default="second")

    def policy(self) -> Action:
        heard = self.states
        seconds = round(len(heard.source) / heard.source_sample_rate)
        if not seconds and not heard.source_finished:
            return ReadAction()
        return WriteAction(f"{seconds} {self.unit}", finished=heard.source_finished)
