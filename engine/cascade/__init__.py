"""Recogniser, translator and synthesizer, one after the other. Other engines may not enter."""
