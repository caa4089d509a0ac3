"""Parts of a backbone: pure decisions about one outside system each."""
