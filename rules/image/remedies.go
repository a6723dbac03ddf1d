package image

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

func alwaysPull(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a node that has the image, and cannot pull it, does not start the container", lint.Set(n, "Always"))
}

// movedRegistry writes registry.k8s.io for its old names, which have held the same images
// since 2022 (https://kubernetes.io/blog/2022/11/28/registry-k8s-io-faster-cheaper-ga/). Where others moved to differs by image.
func movedRegistry(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	for _, old := range []string{"k8s.gcr.io/", "gcr.io/google_containers/", "gcr.io/google-containers/"} {
		if rest, ok := strings.CutPrefix(n.Value(), old); ok {
			return lint.Risky("a node, a mirror or a firewall that knows the image by its old name does not find it", lint.Set(n, "registry.k8s.io/"+rest))
		}
	}
	return nil
}

// verifyKubelets takes out the flag, where it is an argument of its own.
func verifyKubelets(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Index() < 0 || strings.ContainsAny(strings.TrimSpace(n.Value()), " \t\n") {
		return nil
	}
	return lint.Risky("kubelets whose serving certificate is not of the cluster's CA are not asked any more", lint.Remove(n))
}
