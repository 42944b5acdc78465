//go:build tools

// Package tools pins what the node image builds from this module.
package tools

import (
	_ "github.com/coredns/coredns"
)
