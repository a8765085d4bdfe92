"""Bytes of recordings into samples."""
