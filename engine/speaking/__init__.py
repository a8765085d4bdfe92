"""Translated speech: when it is heard, how fast, and what is left out."""
