"""Programs that engines call: the environment they get, and what they say of themselves."""
