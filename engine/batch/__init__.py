"""Many recordings: what is asked for each, how it is translated, and what was finished."""
