"""`s2st file`: command, plan, run, and what is shown."""
