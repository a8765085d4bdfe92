"""`s2st evaluate`: command, plan, run, and what is shown."""
