"""Jobs of ours: the pods that they run, how they end, and what their looks at something come to."""
