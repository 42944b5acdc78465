"""A cluster as it was handed over: what it was, what differs, and the way back, over the API."""
