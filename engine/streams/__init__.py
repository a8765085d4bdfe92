"""Many streams: engines in processes of their own, and steps taken together."""
