"""Listening, translating, speaking, measuring. No sound card and no terminal may enter."""
