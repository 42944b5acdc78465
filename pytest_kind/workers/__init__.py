"""One cluster for all workers of a run of pytest-xdist: the controller makes clusters, workers lease them."""
