"""Who uses, keeps and removes what: a session's lock and labels, a node's lease, and the sweep of what is dead."""
