package pod

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A hostVolume is a volume that is a path of the node.
type hostVolume struct {
	volume *lint.Node
	at     *lint.Node // the path, else the hostPath
	path   string     // as the node resolves it: clean, /var/run as /run, Windows in lower case
}

func hostVolumes(p *lint.PodSpec) []hostVolume {
	var all []hostVolume
	for _, volume := range p.Get("volumes").Items() {
		source := volume.Get("hostPath")
		if source.IsNull() {
			continue
		}
		v := hostVolume{volume: volume, at: source.Get("path")}
		if !v.at.IsScalar() {
			v.at = source
		}
		v.path = cleanPath(v.at.Value())
		all = append(all, v)
	}
	return all
}

func cleanPath(written string) string {
	if strings.Contains(written, `\`) || len(written) > 1 && written[1] == ':' {
		written = strings.ToLower(strings.ReplaceAll(written, `\`, "/"))
		written = strings.TrimPrefix(written, "//./pipe")
		written = strings.TrimPrefix(written, "c:")
	}
	clean := path.Clean("/" + written)
	if clean == "/var/run" || strings.HasPrefix(clean, "/var/run/") {
		clean = strings.TrimPrefix(clean, "/var")
	}
	return clean
}

// name says which volume it is: volume "data", PersistentVolume "data".
func (v hostVolume) name() string {
	if r := v.volume.Resource(); v.volume.Parent() == r.Root && r.Is("", "PersistentVolume") {
		return r.String()
	}
	return fmt.Sprintf("volume %q", v.volume.Get("name").Value())
}

// hostPathRule makes a rule about volumes that are paths of the node, those of pods and
// PersistentVolumes, which Pod Security admission does not see. Its subject is the volume.
func hostPathRule(rule lint.Rule, judge func(hostVolume) (message, help string)) *lint.Rule {
	rule.Group, rule.Profiles, rule.Docs = "pod", inBaseline, docs
	pods := standard(func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		for _, v := range hostVolumes(p) {
			if message, help := judge(v); message != "" {
				all = append(all, breach{node: v.at, level: lint.ProfileBaseline, subject: v.volume.Path(), message: message, help: help})
			}
		}
		return all
	}, "hostPath")
	rule.Run = func(pass *lint.Pass) {
		pods(pass)
		for _, r := range pass.Resources("PersistentVolume") {
			source := r.Get("spec", "hostPath")
			if r.Group != "" || source.IsNull() {
				continue
			}
			v := hostVolume{volume: r.Get("spec"), at: source.Get("path")}
			if !v.at.IsScalar() {
				v.at = source
			}
			v.path = cleanPath(v.at.Value())
			if message, help := judge(v); message != "" {
				b := breach{node: v.at, subject: v.volume.Path(), message: message, help: help}
				b.report(pass)
			}
		}
	}
	return &rule
}

// HostPath reports every volume that is a path of the node (PSS baseline).
var HostPath = hostPathRule(lint.Rule{
	ID:         "host-path",
	Summary:    "pod mounts a path of its node",
	Severity:   lint.Medium,
	References: []string{"CIS 5.2.12", "PSS baseline", "MITRE C-0048", "OWASP K01"},
	Peers:      map[string][]string{"polaris": {"hostPathSet"}, "trivy": {"KSV-0023"}, "kubescape": {"C-0048"}},
	YieldsTo:   []string{"runtime-socket", "host-path-sensitive", "host-path-writable"},
}, func(v hostVolume) (string, string) {
	return fmt.Sprintf("%s exposes path %s of the node", v.name(), lint.Quote(v.at.Value())),
		"use a persistentVolumeClaim, emptyDir, configMap or projected volume"
})

// sensitive are the paths of a node that hold its secrets, its code or its
// other pods; whole trees where the second column says so.
var sensitive = []struct {
	path, what string
	tree       bool
}{
	{"/", "the whole node", false},
	{"/bin", "programs of the node", true},
	{"/boot", "the node's kernel", true},
	{"/dev", "every device of the node", false},
	{"/dev/kmem", "the node's memory", false},
	{"/dev/mem", "the node's memory", false},
	{"/etc", "the node's configuration and keys", false},
	{"/etc/anacrontab", "jobs that the node runs as root", false},
	{"/etc/cni", "the node's network plugins", true},
	{"/etc/cron.d", "jobs that the node runs as root", true},
	{"/etc/cron.daily", "jobs that the node runs as root", true},
	{"/etc/cron.hourly", "jobs that the node runs as root", true},
	{"/etc/cron.monthly", "jobs that the node runs as root", true},
	{"/etc/cron.weekly", "jobs that the node runs as root", true},
	{"/etc/crontab", "jobs that the node runs as root", false},
	{"/etc/anacrontab", "jobs that the node runs as root", false},
	{"/etc/gshadow", "passwords of the node", false},
	{"/etc/init.d", "services that the node runs as root", true},
	{"/etc/kubernetes", "keys of the cluster", true},
	{"/etc/ld.so.preload", "code that every program of the node loads", false},
	{"/etc/pam.d", "who may log in to the node", true},
	{"/etc/passwd", "accounts of the node", false},
	{"/etc/profile.d", "what every shell of the node runs", true},
	{"/etc/rancher", "administrators' credentials of the cluster", true},
	{"/etc/rc.local", "what the node runs as root when it starts", false},
	{"/etc/shadow", "passwords of the node", false},
	{"/etc/ssh", "keys of the node", true},
	{"/etc/ssl/private", "keys of the node", true},
	{"/etc/sudoers", "who is root on the node", false},
	{"/etc/sudoers.d", "who is root on the node", true},
	{"/etc/systemd", "services that the node runs as root", true},
	{"/etc/udev/rules.d", "what the node runs as root for its devices", true},
	{"/home", "the node's users and their keys", false},
	{"/lib", "code of the node", false},
	{"/lib/systemd", "services that the node runs as root", true},
	{"/lib64", "code of the node", false},
	{"/opt/cni/bin", "programs that the node runs as root", true},
	{"/proc", "every process of the node", true},
	{"/root", "root's files and keys", true},
	{"/run", "sockets of the node's services", false},
	{"/run/k3s", "sockets of the node's services", false},
	{"/run/secrets", "secrets of the node", true},
	{"/run/systemd", "services that the node runs as root", false},
	{"/sbin", "programs of the node", true},
	{"/sys", "the node's kernel", false},
	{"/sys/fs/cgroup", "the limits of every container", false},
	{"/usr", "code of the node", false},
	{"/usr/bin", "programs of the node", true},
	{"/usr/lib", "code of the node", false},
	{"/usr/lib/systemd", "services that the node runs as root", true},
	{"/usr/sbin", "programs of the node", true},
	{"/var", "the state of the node's services", false},
	{"/var/lib", "the state of the node's services", false},
	{"/var/lib/cloud", "credentials of the node", true},
	{"/var/lib/containerd", "files of other containers", true},
	{"/var/lib/containers", "files of other containers", false},
	{"/var/lib/crio", "files of other containers", true},
	{"/var/lib/docker", "files of other containers", false},
	{"/var/lib/etcd", "every object of the cluster", true},
	{"/var/lib/k0s", "keys of the cluster", false},
	{"/var/lib/k0s/pki", "keys of the cluster", true},
	{"/var/lib/kubelet", "secrets and tokens of other pods", false},
	{"/var/lib/kubelet/config.json", "credentials of container registries", false},
	{"/var/lib/kubelet/kubeconfig", "credentials of the node", false},
	{"/var/lib/kubelet/pki", "keys of the node", true},
	{"/var/lib/kubelet/pods", "secrets and tokens of other pods", false},
	{"/var/lib/minikube", "keys of the cluster", false},
	{"/var/lib/minikube/certs", "keys of the cluster", true},
	{"/var/lib/rancher", "keys of the cluster", false},
	{"/var/lib/rancher/k3s", "keys of the cluster", false},
	{"/var/lib/rancher/k3s/agent", "credentials of the node", false},
	{"/var/lib/rancher/k3s/server", "keys of the cluster", true},
	{"/var/lib/rancher/rke2", "keys of the cluster", false},
	{"/var/lib/rancher/rke2/agent", "credentials of the node", false},
	{"/var/lib/rancher/rke2/server", "keys of the cluster", true},
	{"/var/lib/waagent", "credentials of the node", true},
	{"/var/log", "logs of other pods, and through links any file of the node", false},
	{"/var/snap/microk8s/current", "credentials of the cluster", false},
	{"/var/snap/microk8s/current/certs", "keys of the cluster", true},
	{"/var/snap/microk8s/current/credentials", "administrators' credentials of the cluster", true},
	{"/var/spool", "jobs that the node runs as root", false},
	{"/var/spool/at", "jobs that the node runs", true},
	{"/var/spool/cron", "jobs that the node runs as root", true},
	{"/windows", "the node's system", true},
	{"/users", "the node's users and their keys", false},
	{"/programdata", "the state of the node's services", false},
}

const narrow = "mount the single file or directory that the program needs, read-only"

// credentialPath says what is kept in directories of users, wherever their homes are: the
// credentials of clouds, clusters, registries and shells. The home of a user is one too.
func credentialPath(p string) string {
	parts := strings.Split(strings.Trim(p, "/"), "/")
	for i, part := range parts {
		switch part {
		case ".aws", ".azure", ".oci", ".aliyun", ".bluemix":
			return "credentials of a cloud"
		case ".kube":
			return "credentials of a cluster"
		case ".docker":
			return "credentials of container registries"
		case ".ssh", ".gnupg":
			return "keys of a user"
		case "gcloud":
			if i == 0 || parts[i-1] == ".config" {
				return "credentials of a cloud"
			}
		case ".config":
			if len(parts) == 1 { // of root, or of a service without a home
				return "credentials of programs"
			}
		}
	}
	switch base := parts[len(parts)-1]; base {
	case "application_default_credentials.json":
		return "credentials of a cloud"
	case ".netrc", ".git-credentials", ".pgpass", ".npmrc", ".pypirc", ".vault-token", ".my.cnf":
		return "passwords and tokens of a user"
	default:
		if base == "admin.conf" || strings.HasSuffix(base, "kubeconfig") {
			return "credentials of a cluster"
		}
	}
	if len(parts) == 2 && (parts[0] == "home" || parts[0] == "users") {
		return "a user's files and keys"
	}
	return ""
}

// HostPathSensitive reports volumes that are the node's own vital paths.
var HostPathSensitive = hostPathRule(lint.Rule{
	ID:         "host-path-sensitive",
	Summary:    "pod mounts a path that holds secrets or code of its node",
	Severity:   lint.High,
	References: []string{"CIS 5.2.12", "PSS baseline", "MITRE C-0048", "OWASP K08"},
	Peers:      map[string][]string{"kube-linter": {"sensitive-host-mounts"}, "trivy": {"KSV-0121"}, "kubesec": {"ProcMount"}},
	YieldsTo:   []string{"runtime-socket"},
}, func(v hostVolume) (string, string) {
	if v.at.IsScalar() {
		for _, s := range sensitive {
			if v.path == s.path || s.tree && strings.HasPrefix(v.path, s.path+"/") {
				return fmt.Sprintf("%s exposes path %s of the node: %s", v.name(), lint.Quote(v.at.Value()), s.what), narrow
			}
		}
		if what := credentialPath(v.path); what != "" {
			return fmt.Sprintf("%s exposes path %s of the node: %s", v.name(), lint.Quote(v.at.Value()), what), narrow
		}
	}
	return "", ""
})

// The sockets by which container runtimes are driven, and the directories that hold little else.
var (
	runtimeSockets = []string{"docker.sock", "containerd.sock", "crio.sock", "podman.sock", "cri-dockerd.sock", "dockershim.sock",
		"buildkitd.sock", "docker_engine", "containerd-containerd"}
	runtimeDirectories = []string{"/run/containerd", "/run/crio", "/run/podman", "/run/k3s/containerd", "/run/docker"}
)

// RuntimeSocket reports the socket of the node's container runtime.
var RuntimeSocket = hostPathRule(lint.Rule{
	ID:         "runtime-socket",
	Summary:    "pod mounts the socket of its node's container runtime",
	Severity:   lint.Critical,
	References: []string{"CIS 5.2.12", "PSS baseline", "MITRE C-0048"},
	Peers: map[string][]string{"kube-linter": {"docker-sock"}, "trivy": {"KSV-0006"}, "checkov": {"CKV_K8S_27"},
		"kubescape": {"C-0074"}, "kubesec": {"DockerSock"}},
}, func(v hostVolume) (string, string) {
	if slices.Contains(runtimeSockets, path.Base(v.path)) || slices.Contains(runtimeDirectories, v.path) {
		return fmt.Sprintf("%s exposes the container runtime's socket %s: whoever can write to it is root on the node", v.name(), lint.Quote(v.at.Value())),
			"build images with a rootless builder, and read container data from the kubelet or the API"
	}
	return "", ""
})

// HostPathWritable reports mounts of the node's paths that are not read-only.
var HostPathWritable = &lint.Rule{
	ID:         "host-path-writable",
	Summary:    "container may write to a path of its node",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.12", "PSS baseline", "MITRE C-0045"},
	Peers:      map[string][]string{"kube-linter": {"writable-host-mount"}, "kubescape": {"C-0045"}},
	Docs:       docs, Remedy: readOnlyMount,
	YieldsTo: []string{"runtime-socket"},
	Run: standard(func(p *lint.PodSpec, _ version) []breach {
		byName := map[string]hostVolume{}
		for _, v := range hostVolumes(p) {
			byName[v.volume.Get("name").Value()] = v
		}
		var all []breach
		for _, c := range p.Containers() {
			for _, mount := range c.Get("volumeMounts").Items() {
				v, ok := byName[mount.Get("name").Value()]
				if n := mount.Get("readOnly"); ok && !n.IsTrue() {
					all = append(all, breach{node: n, level: lint.ProfileBaseline, subject: v.volume.Path(), help: "set readOnly: true on the mount",
						message: fmt.Sprintf("%s may write to path %s of the node: its mount %q is not read-only", c, lint.Quote(v.at.Value()), v.volume.Get("name").Value())})
				}
			}
		}
		return all
	}, "hostPath"),
}

var coreVolumes = []string{"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}

// otherVolumes are the volume types that PSS restricted leaves out.
var otherVolumes = []string{"hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
	"flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk",
	"portworxVolume", "scaleIO", "storageos"}

// NonCoreVolumeTypes reports volume types outside the restricted list (PSS
// restricted). A volume without any type is an emptyDir to the API server.
var NonCoreVolumeTypes = &lint.Rule{
	ID:         "non-core-volume-types",
	Summary:    "pod uses a volume type outside the restricted list",
	Severity:   lint.Low,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"PSS restricted"},
	Peers:      map[string][]string{"trivy": {"KSV-0028"}, "kyverno": {"restrict-volume-types"}},
	Docs:       docs,
	YieldsTo:   []string{"host-path", "host-path-sensitive", "host-path-writable", "runtime-socket", "git-repo-volume"},
	Run: standard(func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		for _, volume := range p.Get("volumes").Items() {
			has := func(kind string) bool { return !volume.Get(kind).IsNull() }
			if slices.ContainsFunc(coreVolumes, has) {
				continue
			}
			i := slices.IndexFunc(otherVolumes, has)
			if i < 0 {
				continue
			}
			level := lint.ProfileRestricted
			if otherVolumes[i] == "hostPath" {
				level = lint.ProfileBaseline
			}
			all = append(all, breach{node: volume.Get(otherVolumes[i]), level: level, subject: volume.Path(),
				help:    "use a persistentVolumeClaim, or a csi or ephemeral volume",
				message: fmt.Sprintf("volume %q is of type %s, which the restricted standard does not allow", volume.Get("name").Value(), otherVolumes[i])})
		}
		return all
	}, "volumes"),
}

// GitRepoVolume reports volumes that the kubelet clones from a git repository.
var GitRepoVolume = &lint.Rule{
	ID:         "git-repo-volume",
	Summary:    "volume is a git repository that the kubelet clones as root",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"PSS restricted"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, p := range pass.PodsWith("gitRepo") {
			for _, volume := range p.Get("volumes").Items() {
				source := volume.Get("gitRepo")
				if source.IsNull() {
					continue
				}
				then := "hooks in it run as root on the node (CVE-2024-10220)"
				if !kube.Before(pass.Bundle, 36) {
					then = "hooks in it run as root on nodes before Kubernetes 1.36 (CVE-2024-10220), and later ones refuse it"
				}
				f := pass.Reportf(source, "volume %q is a git repository that the kubelet clones: %s", volume.Get("name").Value(), then)
				f.Subject, f.Help = volume.Path(), "clone the repository in an init container into an emptyDir"
			}
		}
	},
}

// RecursiveReadOnly reports read-only mounts of paths of the node below which other file
// systems stay writable (https://kubernetes.io/docs/concepts/storage/volumes/#recursive-read-only-mounts).
var RecursiveReadOnly = &lint.Rule{
	ID:       "recursive-read-only",
	Summary:  "read-only mount of a path of the node leaves the mounts below it writable",
	Severity: lint.Low,
	Group:    "pod",
	Docs:     docs, Remedy: recursively,
	Run: func(pass *lint.Pass) {
		if kube.Before(pass.Bundle, 31) { // off by default before
			return
		}
		for _, p := range pass.PodsWith("hostPath") {
			if onWindows(p) {
				continue
			}
			byName := map[string]hostVolume{}
			for _, v := range hostVolumes(p) {
				byName[v.volume.Get("name").Value()] = v
			}
			for _, c := range p.Containers() {
				for _, mount := range c.Get("volumeMounts").Items() {
					v, ok := byName[mount.Get("name").Value()]
					n := mount.Get("recursiveReadOnly")
					if ok && mount.Get("readOnly").IsTrue() && (n.IsNull() || n.Value() == "Disabled") {
						f := pass.Reportf(n, "%s mounts path %s of the node read-only, and file systems mounted below it writable: recursiveReadOnly is %s", c, lint.Quote(v.at.Value()), text(n))
						f.Help = "set recursiveReadOnly: Enabled, or IfPossible where some nodes cannot"
					}
				}
			}
		}
	},
}
