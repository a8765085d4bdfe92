"""Recordings as sources: files, pipes, several in one, playlists, addresses."""
