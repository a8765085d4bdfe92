"""`s2st live`: command, plan, run, and what is shown."""
