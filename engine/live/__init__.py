"""A live conversation: sessions on one source, what a person may do to them, and what is kept."""
