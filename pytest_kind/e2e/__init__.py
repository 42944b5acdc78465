"""Upstream end-to-end specs: listed, selected and run with their own binary. We are its ginkgo command."""
