//go:build tools

// Package tools pins what needs sums that the node image's go.sum does not have.
package tools

import (
	_ "k8s.io/kubernetes/test/images/resource-consumer/consume-cpu"
	_ "k8s.io/sample-apiserver"
)
