"""SeamlessM4T v2 of transformers: whole utterances at their best, overlapping windows, and a stream
that commits word by word. No other engine is imported."""
