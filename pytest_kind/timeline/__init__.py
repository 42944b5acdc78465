"""``--kind-timeline=FILE``: how each cluster booted, as a picture and as a trace."""
