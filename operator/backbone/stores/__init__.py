"""Where a backbone stores its rows, and opening what serves them."""
