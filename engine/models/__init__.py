"""Models: what there is to fetch, where it is kept, and what it computes on."""
