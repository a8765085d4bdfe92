"""SeamlessStreaming: simultaneous translation with Meta's weights, on our own runtime.

Every number and name follows the published model ("Seamless: Multilingual Expressive and Streaming
Speech Translation", https://arxiv.org/abs/2312.05187); no code is shared with it. Modules are named
as in its checkpoints, so that these load without a map.
"""
