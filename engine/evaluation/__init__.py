"""A test set through an engine: items, their results, and what is written of them.

Times are in milliseconds here, as everywhere in SimulEval. Nothing in this folder knows a
terminal or an option's name.
"""
