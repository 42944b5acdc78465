"""Between a test's process and what is in the cluster: a server of the test's inside, and Services of the cluster here."""
