// Manilint reports insecure settings in Kubernetes manifests, Helm charts and
// Kustomize overlays, at the line of the author's file where they can be mended.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"

	"github.com/manilint/manilint/internal/cli"
)

func main() {
	// One short run over trees that stay alive to its end: collecting often frees little.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
