"""From text to a checked cluster configuration, all its problems at once."""
