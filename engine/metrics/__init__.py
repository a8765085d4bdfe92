"""Measures of what engines do: live, and on test sets. No engine and no terminal may enter."""
