"""Which tier serves: pure decisions shared by the rooms."""
