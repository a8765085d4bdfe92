"""Voices of the cascade, one a file."""
