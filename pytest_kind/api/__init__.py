"""Speaking to a cluster's API: its kubeconfig, raw requests for the boot, the client that tests are handed."""
