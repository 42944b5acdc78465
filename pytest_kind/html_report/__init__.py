"""A page about a run: what is watched of its clusters meanwhile, and one HTML file that shows it."""
