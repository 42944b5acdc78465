// Waits to be ended: the one image in the registry that agnhost's image carries (upstream puts Kubernetes' pause there).
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
