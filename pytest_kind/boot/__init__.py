"""From a created container to a ready Kubernetes."""
