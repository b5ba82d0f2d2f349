"""Life in a notebook."""
