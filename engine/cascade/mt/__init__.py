"""Translators of the cascade, one a file."""
