"""SeamlessM4T v2 of transformers: whole utterances at their best, overlapping windows, and a stream
that commits word by word. May import the hall and `engine/layers`, no other engine."""
