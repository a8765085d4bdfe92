"""What containers say about themselves: lengths, sizes, parts."""
