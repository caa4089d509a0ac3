"""The domain's data: dimensions and the Arrow schema of each."""
