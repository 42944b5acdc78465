"""What the tests share: an engine in a folder, an API server on loopback, a way to run pytest on both."""
