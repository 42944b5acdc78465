// The driver of the "CSI Mock volume" specs, under the name of the image that upstream runs it from: Kubernetes' own mock of a CSI
// driver, or with -proxy-endpoint only a way to one that runs inside e2e.test. It keeps no data: it is no hostpath driver.
package main

import (
	"flag"
	"io"
	"net"
	"os"
	"strings"

	"k8s.io/klog/v2"
	"k8s.io/kubernetes/test/e2e/storage/drivers/csi-test/driver"
	"k8s.io/kubernetes/test/e2e/storage/drivers/csi-test/mock/service"
)

func main() {
	klog.InitFlags(nil)
	config := service.Config{}
	flag.StringVar(&config.DriverName, "drivername", "mock.storage.k8s.io", "")
	endpoint := flag.String("endpoint", "/csi/csi.sock", "the CSI socket")
	proxy := flag.String("proxy-endpoint", "", "tcp://HOST:PORT, where the driver itself fetches connections")
	attach := flag.Bool("enable-attach", false, "")
	flag.BoolVar(&config.EnableTopology, "enable-topology", false, "")
	flag.Int64Var(&config.AttachLimit, "attach-limit", 0, "")
	flag.BoolVar(&config.NodeExpansionRequired, "node-expand-required", false, "")
	flag.String("nodeid", "", "not used: the mock's node is called as the driver")
	flag.String("statedir", "", "not used: the mock keeps nothing")
	flag.Parse()
	config.DisableAttach = !*attach

	socket := strings.TrimPrefix(*endpoint, "unix://")
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		klog.Fatal(err)
	}
	clients, err := net.Listen("unix", socket)
	if err != nil {
		klog.Fatal(err)
	}
	if *proxy != "" {
		servers, err := net.Listen("tcp", strings.TrimPrefix(*proxy, "tcp://"))
		if err != nil {
			klog.Fatal(err)
		}
		pair(clients, servers)
	}
	mock := service.New(config)
	mocked := driver.NewCSIDriver(&driver.CSIDriverServers{Controller: mock, Identity: mock, Node: &inline{Service: mock, volumes: map[string]bool{}}})
	if err := mocked.Start(clients, nil); err != nil {
		klog.Fatal(err)
	}
	select {}
}

// pair connects each client with the next connection that the driver has opened in advance.
func pair(clients, servers net.Listener) {
	for {
		client, err := clients.Accept()
		if err != nil {
			klog.Fatal(err)
		}
		server, err := servers.Accept()
		if err != nil {
			klog.Fatal(err)
		}
		go join(client, server)
		go join(server, client)
	}
}

func join(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		klog.V(5).Infof("a connection ended: %v", err)
	}
}
