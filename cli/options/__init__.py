"""What may be typed: the options of several commands."""
