// Manilint reports insecure settings in Kubernetes manifests, Helm charts and
// Kustomize overlays, at the line of the author's file where they can be fixed. The
// program is package internal/cli; this one holds nothing else.
package main

import (
	"os"

	"github.com/manilint/manilint/internal/cli"
	_ "github.com/manilint/manilint/internal/gc" // initialized before what allocates
)

func main() { os.Exit(cli.Main()) }
