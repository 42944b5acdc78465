"""From a plan to containers: the engine's seam."""
