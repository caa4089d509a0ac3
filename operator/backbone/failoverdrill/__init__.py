"""The FailoverDrill kind: a rehearsal with a verdict."""
