"""Screens, keys, lines and bars."""
