"""Objects of a cluster: applied, waited for, looked into; and who acts on them."""
