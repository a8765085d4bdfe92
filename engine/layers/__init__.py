"""Parts of networks that several engines use. Nothing here knows an engine."""
