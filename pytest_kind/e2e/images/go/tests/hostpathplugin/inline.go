package main

import (
	"context"
	"os"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/kubernetes/test/e2e/storage/drivers/csi-test/mock/service"
)

// inline takes volumes that a pod's spec brings, on which the mock panics: it looks for them among those that it created.
type inline struct {
	service.Service
	lock    sync.Mutex
	volumes map[string]bool
}

func (n *inline) NodePublishVolume(ctx context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if request.GetVolumeContext()["csi.storage.k8s.io/ephemeral"] != "true" {
		return n.Service.NodePublishVolume(ctx, request)
	}
	if err := os.MkdirAll(request.GetTargetPath(), 0o755); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	n.lock.Lock()
	defer n.lock.Unlock()
	n.volumes[request.GetVolumeId()] = true
	return &csi.NodePublishVolumeResponse{}, nil
}

func (n *inline) NodeUnpublishVolume(ctx context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if !n.volumes[request.GetVolumeId()] {
		return n.Service.NodeUnpublishVolume(ctx, request)
	}
	if err := os.RemoveAll(request.GetTargetPath()); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	delete(n.volumes, request.GetVolumeId())
	return &csi.NodeUnpublishVolumeResponse{}, nil
}
