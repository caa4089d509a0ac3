"""Reports: what a Job tells the operator through its termination message."""
