// Manilint reports insecure settings in Kubernetes manifests, Helm charts and
// Kustomize overlays, at the line of the author's file where they can be mended.
package main

import (
	"os"
	"runtime/debug"

	"github.com/manilint/manilint/internal/cli"
)

func main() {
	// One short run over trees that stay alive to its end: collecting often frees little.
	debug.SetGCPercent(400)
	os.Exit(cli.Main())
}
