"""One class per outside system: the only modules that import a driver or a client."""
