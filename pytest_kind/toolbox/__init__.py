"""What a test does with a cluster."""
