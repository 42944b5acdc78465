"""From what is wanted to a node image in the engine: present, pulled, or built from its sources."""
