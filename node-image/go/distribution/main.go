// The registry that a session can have beside its clusters: upstream's command with one store, the file system.
// Its own command carries three clouds' as well, which take most of the time to compile and most of the program's size.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if registry.RootCmd.Execute() != nil {
		os.Exit(1)
	}
}
