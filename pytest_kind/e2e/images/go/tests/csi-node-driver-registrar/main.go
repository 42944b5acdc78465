// Registers a CSI driver with the kubelet: as the project's own does, with the flags that Kubernetes' test manifests give it.
package main

import (
	"context"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/klog/v2"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

type registrar struct {
	registration.UnsafeRegistrationServer
	name, endpoint string
}

func (r registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: r.name, Endpoint: r.endpoint, SupportedVersions: []string{"1.0.0"}}, nil
}

func (r registrar) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	klog.Infof("registered: %t %s", status.PluginRegistered, status.Error)
	if !status.PluginRegistered {
		// Started again, it is asked again.
		os.Exit(1)
	}
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	klog.InitFlags(nil)
	address := flag.String("csi-address", "/run/csi/socket", "the driver's socket, here")
	endpoint := flag.String("kubelet-registration-path", "", "the driver's socket, where the kubelet sees it")
	folder := flag.String("plugin-registration-path", "/registration", "the kubelet's folder of plugins, here")
	timeout := flag.Duration("timeout", time.Second, "for the driver's answer")
	health := flag.String("http-endpoint", "", "where /healthz is served")
	flag.Parse()

	name := driverName(*address, *timeout)
	socket := filepath.Join(*folder, name+"-reg.sock")
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		klog.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		klog.Fatal(err)
	}
	if *health != "" {
		http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
			if _, err := os.Stat(socket); err != nil {
				http.Error(answer, err.Error(), http.StatusInternalServerError)
			}
		})
		go func() { klog.Fatal(http.ListenAndServe(*health, nil)) }()
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, registrar{name: name, endpoint: *endpoint})
	klog.Fatal(server.Serve(listener))
}

// driverName asks the driver, which may still be starting.
func driverName(address string, timeout time.Duration) string {
	connection, err := grpc.NewClient("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		klog.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	info, err := csi.NewIdentityClient(connection).GetPluginInfo(ctx, &csi.GetPluginInfoRequest{}, grpc.WaitForReady(true))
	if err != nil {
		klog.Fatalf("the driver at %s does not say its name: %v", address, err)
	}
	return info.GetName()
}
