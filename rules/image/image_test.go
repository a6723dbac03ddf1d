package image

import (
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

func pod(image string) *lint.Source {
	return lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: '"+image+"'}]}\n"))
}

func TestAllowedRegistries(t *testing.T) {
	allowed := []string{"registry.example:5000", "docker.io/library", "ghcr.io/team/", "*.corp.example", "*.dkr.example/prod"}
	for image, ok := range map[string]bool{
		"nginx:1":                        true,
		"docker.io/library/nginx:1":      true,
		"someone/nginx:1":                false,
		"registry.example:5000/a/b:1":    true,
		"registry.example/a/b:1":         false,
		"registry.example:5000.evil/a:1": true, // no host: a port is a number, so this cannot be parsed
		"ghcr.io/team/web:1":             true,
		"ghcr.io/team-evil/web:1":        false,
		"eu.corp.example/web:1":          true,
		"corp.example/web:1":             false,
		"a.b.dkr.example/prod/web:1":     true,
		"a.b.dkr.example/test/web:1":     false,
		"":                               true,
	} {
		found := linttest.Lint(t, Registry, map[string]any{"allowed": allowed}, pod(image)).Findings
		if (len(found) == 0) != ok {
			t.Errorf("%q: %d findings, allowed is %v", image, len(found), ok)
		}
	}
}

func TestDeniedComesBeforeAllowed(t *testing.T) {
	params := map[string]any{"allowed": []string{"docker.io"}, "denied": []string{"docker.io/someone"}}
	for image, n := range map[string]int{"someone/web:1": 1, "other/web:1": 0} {
		if found := linttest.Lint(t, Registry, params, pod(image)).Findings; len(found) != n {
			t.Errorf("%q: %d findings, want %d", image, len(found), n)
		}
	}
}

func TestClosedRegistriesOfTheConfiguration(t *testing.T) {
	params := map[string]any{"registries": []string{"old.example"}}
	for image, n := range map[string]int{"old.example/web:1": 1, "new.example/web:1": 0} {
		if found := linttest.Lint(t, DeprecatedRegistry, params, pod(image)).Findings; len(found) != n {
			t.Errorf("%q: %d findings, want %d", image, len(found), n)
		}
	}
}

func TestTagsThatMoveByTheirName(t *testing.T) {
	words := mutable.Default.([]string)
	for tag, want := range map[string]bool{
		"latest": true, "Latest": true, "master-head": true, "latest_release": true, "nightly": true, "edge": true, "dev": true, "main": true, "canary": true,
		"stable": true, "stable-alpine": true, "lts-jdk17": true, "latest-py3": true, "latest-windowsservercore-ltsc2022": true, "alpine": true, "nightly-amd64": true, "release-latest": true, "v-next": false,
		"stable-1.2.3": false, "1.2.3-stable": false, "1.4.2-latest": false, "nightly-2026-01-31": false, "nightly-20260131": false, "main-3f2a9c1": false,
		"main-deadbeef": false, "dev-build12": false, "master-v2": false, "edge-rc1": false, "3-alpine": false, "v1.2.3": false, "1.27.2-slim": false,
		"mainframe": false, "develops": false, "bookworm": false, "": false,
	} {
		if moves(tag, words) != want {
			t.Errorf("%q moves: %v, want %v", tag, !want, want)
		}
	}
	if !moves("release-2", []string{"release-2"}) {
		t.Error("a word of the configuration with a number does not count")
	}
}
