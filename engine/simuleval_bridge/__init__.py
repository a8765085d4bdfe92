"""The agents of `engine.simuleval.bridge` under the name that SimulEval's command lines know."""

from engine.simuleval.bridge import SpeechToSpeech, SpeechToText

__all__ = ["SpeechToSpeech", "SpeechToText"]
