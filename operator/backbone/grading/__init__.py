"""Pure evaluators that rooms and the runtime share."""
