package kube

import (
	"path"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A Program is what a well-known image runs, as far as fixes need to know it. What is said
// holds for the image as its project publishes it, with the configuration that it brings.
type Program struct {
	// Names are the programs that a command of the container may call, its tools included.
	Names []string
	// User is one that is not root, and that the image is made to run as.
	User int64
	// Writes are the directories that it writes to beside its data. There may be others:
	// another version or configuration may write elsewhere.
	Writes []string
	// Unless is the beginning of a flag that leads these writes elsewhere.
	Unless string
	// Port is one below 1024 that it binds, 0 for none.
	Port int64
}

// programs are well-known images, by their names without a tag. Sources are the Dockerfiles and the
// entry points that the projects publish: https://github.com/docker-library/official-images,
// https://github.com/prometheus/busybox and the repositories of the exporters next to it.
var programs = map[string]Program{
	"docker.io/library/httpd":     {Names: []string{"httpd", "httpd-foreground"}, User: 33, Writes: []string{"/usr/local/apache2/logs"}, Port: 80},
	"docker.io/library/mariadb":   {Names: []string{"mariadbd", "mysqld", "mariadb-admin", "healthcheck.sh"}, User: 999, Writes: []string{"/run/mysqld", "/tmp"}},
	"docker.io/library/memcached": {Names: []string{"memcached"}, User: 11211},
	"docker.io/library/mongo":     {Names: []string{"mongod", "mongosh", "mongo"}, User: 999, Writes: []string{"/tmp"}},
	"docker.io/library/mysql":     {Names: []string{"mysqld", "mysqladmin"}, User: 999, Writes: []string{"/var/run/mysqld", "/tmp"}},
	"docker.io/library/nginx":     {Names: []string{"nginx"}, User: 101, Writes: []string{"/var/cache/nginx", "/var/run", "/tmp"}, Port: 80},
	"docker.io/library/postgres":  {Names: []string{"postgres", "pg_isready"}, User: 999, Writes: []string{"/var/run/postgresql", "/tmp"}},
	"docker.io/library/redis":     {Names: []string{"redis-server", "redis-cli"}, User: 999, Writes: []string{"/data"}},
	"docker.io/valkey/valkey":     {Names: []string{"valkey-server", "valkey-cli"}, User: 999, Writes: []string{"/data"}},

	"quay.io/prometheus/alertmanager":       {Names: []string{"alertmanager"}, User: 65534, Writes: []string{"/alertmanager"}, Unless: "--storage.path"},
	"quay.io/prometheus/blackbox-exporter":  {Names: []string{"blackbox_exporter"}, User: 65534},
	"quay.io/prometheus/memcached-exporter": {Names: []string{"memcached_exporter"}, User: 65534},
	"quay.io/prometheus/node-exporter":      {Names: []string{"node_exporter"}, User: 65534},
	"quay.io/prometheus/prometheus":         {Names: []string{"prometheus"}, User: 65534, Writes: []string{"/prometheus"}, Unless: "--storage."},
	"quay.io/prometheus/pushgateway":        {Names: []string{"pushgateway"}, User: 65534},
	"quay.io/prometheus/snmp-exporter":      {Names: []string{"snmp_exporter"}, User: 65534},

	"registry.k8s.io/kube-state-metrics/kube-state-metrics": {Names: []string{"kube-state-metrics"}, User: 65534},
	"registry.k8s.io/metrics-server/metrics-server":         {Names: []string{"metrics-server"}, User: 65534, Writes: []string{"/tmp"}},
	"registry.k8s.io/pause":                                 {Names: []string{"pause"}, User: 65535},
	"registry.k8s.io/prometheus-adapter/prometheus-adapter": {Names: []string{"adapter"}, User: 65534, Writes: []string{"/tmp"}},
}

// onAlpine are the users of images whose variants for Alpine have another one.
var onAlpine = map[string]int64{"docker.io/library/httpd": 82, "docker.io/library/postgres": 70}

// ImageProgram returns what an image is known to run, nil for nothing.
func ImageProgram(ref string) *Program {
	name, _, _ := strings.Cut(ref, "@")
	name, tag := lint.CutTag(name)
	for mirror, of := range map[string]string{"public.ecr.aws/docker/": "docker.io/", "mirror.gcr.io/": "docker.io/"} {
		if rest, ok := strings.CutPrefix(name, mirror); ok {
			name = of + rest
		}
	}
	host, rest, several := strings.Cut(name, "/")
	switch {
	case !several:
		name = "docker.io/library/" + name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		name = "docker.io/" + name
	case host == "index.docker.io":
		name = "docker.io/" + rest
	}
	name = strings.Replace(name, "docker.io/prom/", "quay.io/prometheus/", 1)
	p, ok := programs[name]
	if !ok {
		return nil
	}
	if user := onAlpine[name]; user != 0 && strings.Contains(tag, "alpine") {
		p.User = user
	}
	return &p
}

// ProgramOf returns what a container is known to run: the program of its image, as neither
// its command nor its probes and hooks call another one. nil where that is not known.
func ProgramOf(c *lint.Container) *Program {
	p := ImageProgram(c.Get("image").Value())
	if p == nil {
		return nil
	}
	calls := [][]*lint.Node{c.Get("command").Items()}
	if args := c.Get("args").Items(); len(calls[0]) == 0 && len(args) > 0 && !strings.HasPrefix(args[0].Value(), "-") {
		calls = append(calls, args)
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		calls = append(calls, c.Get(probe, "exec", "command").Items())
	}
	for _, hook := range []string{"postStart", "preStop"} {
		calls = append(calls, c.Get("lifecycle", hook, "exec", "command").Items())
	}
	for _, call := range calls {
		if len(call) > 0 && !slices.Contains(p.Names, path.Base(call[0].Value())) {
			return nil
		}
	}
	return p
}
