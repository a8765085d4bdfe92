"""Text after it is recognised or translated: unclear words, times, subtitles, files."""
