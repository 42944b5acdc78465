"""Evidence of what went wrong."""
