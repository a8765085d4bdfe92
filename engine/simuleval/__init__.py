"""SimulEval both ways: our engines as its agents, its agents as our engines."""
