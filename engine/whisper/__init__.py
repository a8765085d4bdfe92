"""Whisper, which hears our own speech to score it."""
