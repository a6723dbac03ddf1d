package kube_test

import (
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
)

func TestImageProgram(t *testing.T) {
	for ref, user := range map[string]int64{
		"redis": 999, "redis:8.2-alpine": 999, "docker.io/library/redis@sha256:abc": 999, "library/redis": 999, "index.docker.io/library/redis:8": 999,
		"public.ecr.aws/docker/library/redis:8": 999, "postgres:17": 999, "postgres:17-alpine": 70, "prom/prometheus:v3": 65534,
		"quay.io/prometheus/alertmanager:v0.28": 65534,
		"registry.example/redis":                0, "example.com:5000/redis:8": 0, "bitnami/redis": 0, "redis-exporter": 0, "": 0,
	} {
		var got int64
		if p := kube.ImageProgram(ref); p != nil {
			got = p.User
		}
		if got != user {
			t.Errorf("the user of %q is %d, want %d", ref, got, user)
		}
	}
}

func TestProgramOf(t *testing.T) {
	for container, known := range map[string]bool{
		`{name: a, image: redis}`:                                                                  true,
		`{name: a, image: redis, args: [--appendonly, "yes"]}`:                                     true,
		`{name: a, image: redis, args: [redis-server, /etc/redis.conf]}`:                           true,
		`{name: a, image: redis, command: [/usr/local/bin/redis-server]}`:                          true,
		`{name: a, image: redis, livenessProbe: {exec: {command: [redis-cli, ping]}}}`:             true,
		`{name: a, image: redis, command: [sh, -c, redis-server]}`:                                 false,
		`{name: a, image: redis, args: [sh, -c, redis-server]}`:                                    false,
		`{name: a, image: redis, readinessProbe: {exec: {command: [sh, -c, "redis-cli ping"]}}}`:   false,
		`{name: a, image: redis, lifecycle: {preStop: {exec: {command: [/bin/sudo, kill, "1"]}}}}`: false,
		`{name: a, image: registry.example/web}`:                                                   false,
	} {
		b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: ["+container+"]}\n")))
		pod := b.Resources[0].PodSpecs()[0]
		if got := kube.ProgramOf(pod.Containers()[0]) != nil; got != known {
			t.Errorf("what %s runs is known: %v, want %v", container, got, known)
		}
	}
}
