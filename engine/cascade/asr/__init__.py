"""Recognisers of the cascade, one a file."""
