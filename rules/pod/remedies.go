package pod

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// containerOf returns the container that a node is part of, nil for none.
func containerOf(pass *lint.Pass, n *lint.Node) *lint.Container {
	holder := lint.HolderOf(n)
	if holder == nil {
		return nil
	}
	for _, c := range pass.Containers() {
		if c.Node.Same(holder) {
			return c
		}
	}
	return nil
}

// podOf returns the pod that a node, or its container, is part of, nil for none.
func podOf(pass *lint.Pass, n *lint.Node) *lint.PodSpec {
	if c := containerOf(pass, n); c != nil {
		return c.Pod
	}
	for _, p := range pass.PodSpecs() {
		for at := n; at != nil; at = at.Parent() {
			if at.Exists() && at.Same(p.Node) {
				return p
			}
		}
	}
	return nil
}

// noEscalation sets allowPrivilegeEscalation: false, which the API server refuses beside
// privileged and SYS_ADMIN (validateSecurityContext of k8s.io/kubernetes).
func noEscalation(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	c := containerOf(pass, n)
	if c == nil || onWindows(c.Pod) || c.Get("securityContext", "privileged").IsTrue() {
		return nil
	}
	if slices.ContainsFunc(c.Get("securityContext", "capabilities", "add").Items(), func(added *lint.Node) bool {
		return capability(added) == "SYS_ADMIN" || capability(added) == "ALL"
	}) {
		return nil
	}
	return lint.Risky("a program that gains rights by a set-user-ID file or by file capabilities (sudo, su, ping) fails", lint.Set(n, false))
}

// readOnlyRoot makes the root file system read-only, with an empty directory at the
// places that the program is known to write to.
func readOnlyRoot(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	edits := []lint.Edit{lint.Set(n, true)}
	if c := containerOf(pass, n); c != nil {
		edits = append(edits, scratch(c)...)
	}
	return lint.Risky("a program that writes outside of its volumes fails; mount an emptyDir where it does", edits...)
}

// nonRoot demands a user that is not root. Where a user is chosen that is none, the kubelet
// finds what it is asked for.
func nonRoot(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	p := podOf(pass, n)
	if p == nil || onWindows(p) {
		return nil
	}
	context := n.Parent()
	user := context.Get("runAsUser")
	if user.IsNull() {
		user = p.SecurityContext().Get("runAsUser")
	}
	if !n.IsNull() && !n.IsFalse() {
		return nil // what is no boolean says something that is not known
	}
	ids := []*lint.Node{user}
	if containerOf(pass, n) == nil { // the pod's: those of the containers count, too
		ids = nil
		for _, c := range p.Containers() {
			own := c.Get("securityContext", "runAsUser")
			if own.IsNull() {
				own = user
			}
			ids = append(ids, own)
		}
	}
	root, known := false, len(ids) > 0
	for _, id := range ids {
		uid, ok := id.Int()
		root, known = root || ok && uid == 0, known && ok && uid > 0
	}
	switch {
	case known:
		return lint.Safe("runAsUser names a user that is not root, which is all that the kubelet looks at", lint.Set(n, true))
	case root:
		return nil // run-as-root-uid has the user, and with it this
	}
	return lint.Risky("an image whose files belong to root, or to a user of its own, may not work as the user that is set", lint.Set(n, true), lint.Set(context.Get("runAsUser"), userOf(pass, p, n)))
}

// otherUser sets a user that is not root.
func otherUser(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	p := podOf(pass, n)
	if p == nil || onWindows(p) {
		return nil
	}
	return lint.Risky("an image whose files belong to root, or that binds a port below 1024, may not work as another user",
		lint.Set(n, userOf(pass, p, n)), lint.Set(n.Parent().Get("runAsNonRoot"), true))
}

// userOf returns the user that the container of a node is made to run as, or all containers
// of its pod, where their images are known; else one that no account of a node has.
func userOf(pass *lint.Pass, p *lint.PodSpec, n *lint.Node) int64 {
	of := p.Containers()
	if c := containerOf(pass, n); c != nil {
		of = []*lint.Container{c}
	}
	var user int64
	for _, c := range of {
		known := kube.ImageProgram(c.Get("image").Value())
		if known == nil || user != 0 && user != known.User {
			return highID
		}
		user = known.User
	}
	return cmp.Or(user, highID)
}

// powerless reports whether a container's processes have no capabilities, and gain none:
// their user is not root, and no file of the image gives them rights. Kubernetes sets no ambient capabilities
// (https://man7.org/linux/man-pages/man7/capabilities.7.html, Transformation of capabilities during execve).
func powerless(c *lint.Container) bool {
	set := func(field string) *lint.Node {
		if own := c.Get("securityContext", field); !own.IsNull() {
			return own
		}
		return c.Pod.SecurityContext().Get(field)
	}
	uid, ok := set("runAsUser").Int()
	nonRoot := ok && uid > 0 || !ok && set("runAsUser").IsNull() && set("runAsNonRoot").IsTrue()
	return nonRoot && c.Get("securityContext", "allowPrivilegeEscalation").IsFalse() && !c.Get("securityContext", "privileged").IsTrue() && !c.Partial
}

const withoutEffect = "a process of another user than root, which cannot gain privileges, has no capabilities"

func ownUsers(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("nodes need a kernel, a runtime and file systems that know user namespaces; volumes of other kinds may not mount", lint.Set(n, false))
}

func strictGroups(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that reads files by a group of its image's /etc/group loses them", lint.Set(n, "Strict"))
}

// dropAll drops all capabilities. A container with a port below 1024 keeps
// NET_BIND_SERVICE, which the restricted standard allows.
func dropAll(pass *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	c := containerOf(pass, n)
	switch {
	case c == nil || onWindows(c.Pod):
		return nil
	case n.Name() == "drop": // of the container
	case n.Parent() != nil && n.Parent().Name() == "add":
		return takeCapabilities(pass, f, n)
	case runtimeName(n) == "ALL":
		return lint.Safe("runtimes read the names of capabilities in capitals: it is dropped already", lint.Set(n, "ALL"))
	default:
		n = n.Parent()
	}
	edits := []lint.Edit{lint.Add(n, "ALL")}
	if powerless(c) {
		return lint.Safe(withoutEffect, edits...)
	}
	if bindsLowPort(c) {
		edits = append(edits, lint.Add(c.Get("securityContext", "capabilities", "add"), "NET_BIND_SERVICE"))
	}
	return lint.Risky("a program that changes its user, the owners of files, or opens raw sockets needs capabilities of the default set", edits...)
}

// bindsLowPort reports whether a container binds a port below 1024: one that it names, or
// that its image is known to bind where it names none.
func bindsLowPort(c *lint.Container) bool {
	ports := c.Get("ports").Items()
	if len(ports) == 0 {
		known := kube.ProgramOf(c)
		return known != nil && known.Port > 0
	}
	return slices.ContainsFunc(ports, func(port *lint.Node) bool {
		number, ok := port.Get("containerPort").Int()
		return ok && number > 0 && number < 1024
	})
}

// takeCapabilities takes out the capabilities that a finding names: the one that it stands
// at and those of the same rule beside it.
func takeCapabilities(pass *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	c := containerOf(pass, n)
	if c == nil || n.Parent() == nil || n.Parent().Name() != "add" {
		return nil
	}
	var edits []lint.Edit
	for _, item := range n.Parent().Items() {
		named := item.Same(n)
		for _, r := range f.Related {
			named = named || r.Role == "value" && r.Span.Compare(item.Locate().Span) == 0
		}
		if named {
			edits = append(edits, lint.Remove(item))
		}
	}
	if powerless(c) {
		return lint.Safe(withoutEffect, edits...)
	}
	return lint.Risky("what the program does with the capability fails", edits...)
}

// defaultSeccomp sets the runtime's profile once for the pod, else for the container.
func defaultSeccomp(pass *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "a program that calls what the runtime's profile forbids (unshare, mount, bpf, ptrace on old kernels) fails"
	if n.Name() == "type" {
		return defaultProfile(pass, f, n)
	}
	p := podOf(pass, n)
	if p == nil || onWindows(p) {
		return nil
	}
	profile := map[string]any{"type": "RuntimeDefault"}
	own := lint.Risky(why, lint.Set(n, profile))
	if context := p.SecurityContext(); p.ContextPath() != "" && context.Resource() != nil && context.Get("seccompProfile").IsNull() {
		once := lint.Risky(why, lint.Set(context.Get("seccompProfile"), profile))
		once.Or = own
		return once
	}
	return own
}

func defaultAppArmor(pass *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Name() == "type" {
		return defaultProfile(pass, f, n)
	}
	if n.Name() != "appArmorProfile" {
		return nil
	}
	return lint.Risky("a program that does what the runtime's profile forbids fails, and a node without AppArmor refuses the pod", lint.Set(n, map[string]any{"type": "RuntimeDefault"}))
}

// defaultProfile turns a profile of seccomp or AppArmor that confines nothing into the
// runtime's.
func defaultProfile(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Name() != "type" {
		return nil // an annotation
	}
	return lint.Risky("a program that does what the runtime's profile forbids fails", lint.Set(n, "RuntimeDefault"))
}

func unprivileged(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that mounts, loads modules or opens devices of the node fails", lint.Set(n, false))
}

func maskedProc(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that runs containers of its own needs an unmasked /proc", lint.Remove(n))
}

// ownNamespace takes a pod out of a namespace of the node, unless the pod shows that it is
// there to look after the node.
func ownNamespace(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	p := podOf(pass, n)
	if p == nil || looksAfterNode(p) {
		return nil
	}
	return lint.Risky("a program that looks at the processes, the memory or the network of its node does not see them any more; nothing here shows that it does", lint.Remove(n))
}

// looksAfterNode reports whether a pod shows that it works on its node: by its kind, its
// rights or what it mounts.
func looksAfterNode(p *lint.PodSpec) bool {
	if p.Resource.Kind == "DaemonSet" || len(hostVolumes(p)) > 0 {
		return true
	}
	for _, c := range p.Containers() {
		if c.Get("securityContext", "privileged").IsTrue() || len(added(c, isDangerous)) > 0 {
			return true
		}
		for _, port := range c.Get("ports").Items() {
			if number, ok := port.Get("hostPort").Int(); ok && number != 0 {
				return true
			}
		}
	}
	return p.Get("dnsPolicy").Value() == "ClusterFirstWithHostNet"
}

// noHostPorts takes the ports of the node from a container.
func noHostPorts(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	c := containerOf(pass, n)
	if c == nil || n.Name() != "hostPort" {
		return nil
	}
	var edits []lint.Edit
	for _, port := range c.Get("ports").Items() {
		if host := port.Get("hostPort"); host.Exists() {
			edits = append(edits, lint.Remove(host))
		}
	}
	return lint.Risky("whoever reaches the container by the address of its node does not any more", edits...)
}

// ownProbes lets the kubelet call the pod itself.
func ownProbes(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	c := containerOf(pass, n)
	if c == nil {
		return nil
	}
	var edits []lint.Edit
	for _, probe := range []*lint.Node{c.Get("livenessProbe"), c.Get("readinessProbe"), c.Get("startupProbe"), c.Get("lifecycle", "postStart"), c.Get("lifecycle", "preStop")} {
		for _, how := range []string{"httpGet", "tcpSocket"} {
			if host := probe.Get(how, "host"); host.Value() != "" {
				edits = append(edits, lint.Remove(host))
			}
		}
	}
	return lint.Risky("a probe of another host, or of 127.0.0.1 in a pod with the node's network, asks the pod instead", edits...)
}

// scratch returns edits that mount an empty directory where a container is seen to write,
// and no volume is mounted: where its image is known to, and where its command, its arguments and its
// variables name a place that is there to be written to.
func scratch(c *lint.Container) []lint.Edit {
	var dirs []string
	texts := append(c.Get("command").Items(), c.Get("args").Items()...)
	if p := kube.ImageProgram(c.Get("image").Value()); p != nil && (p.Unless == "" || !slices.ContainsFunc(texts, func(n *lint.Node) bool { return strings.HasPrefix(n.Value(), p.Unless) })) {
		dirs = append(dirs, p.Writes...)
	}
	for _, e := range c.Get("env").Items() {
		texts = append(texts, e.Get("value"))
	}
	for _, n := range texts {
		for _, word := range strings.FieldsFunc(n.Value(), func(r rune) bool { return strings.ContainsRune(" \t\n=:;,|&<>()\"'`", r) }) {
			if dir := scratchDir(word); dir != "" {
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	var edits []lint.Edit
	mounts, volumes := c.Get("volumeMounts"), c.Pod.Get("volumes")
	var made []string
	for _, dir := range slices.Compact(dirs) {
		if slices.ContainsFunc(mounts.Items(), func(m *lint.Node) bool { return within(cleanPath(dir), cleanPath(m.Get("mountPath").Value())) }) ||
			slices.ContainsFunc(made, func(above string) bool { return within(cleanPath(dir), cleanPath(above)) }) {
			continue
		}
		made = append(made, dir)
		volume := "writable" + dashed(dir)
		if len(c.Pod.Containers()) > 1 { // each has its own, as on its root file system
			volume = c.Name() + dashed(dir)
		}
		edits = append(edits,
			lint.Add(mounts, map[string]any{"name": volume, "mountPath": dir}),
			lint.Add(volumes, map[string]any{"name": volume, "emptyDir": map[string]any{}}))
	}
	return edits
}

// scratchDir returns the directory that a path is in, if it is one whose files are made
// while a program runs; "" for any other. Tokens and Secrets are mounted in one of them.
func scratchDir(name string) string {
	name = path.Clean(name)
	switch {
	case within(name, "/run/secrets"), within(name, "/var/run/secrets"):
		return ""
	case within(name, "/tmp"):
		return "/tmp"
	case within(name, "/var/tmp"):
		return "/var/tmp"
	case within(name, "/run"):
		return "/run"
	case within(name, "/var/run"):
		return "/var/run"
	case strings.HasPrefix(name, "/var/cache/"), strings.HasPrefix(name, "/var/log/"):
		parts := strings.SplitN(name, "/", 5)
		if len(parts) == 4 && strings.Contains(parts[3], ".") { // a file
			return strings.Join(parts[:3], "/")
		}
		return strings.Join(parts[:4], "/")
	}
	return ""
}

// within reports whether a path is a directory, or lies in it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// dashed makes a path part of a name.
func dashed(path string) string {
	b := []byte(path)
	for i, c := range b {
		if c == '/' || c == '.' || c == '_' {
			b[i] = '-'
		}
	}
	return string(b)
}

// named returns the nodes of a finding: the one that it stands at, and those of a list
// that it names beside it.
func named(f *lint.Finding, n *lint.Node, among []*lint.Node) []*lint.Node {
	var all []*lint.Node
	for _, m := range among {
		if m.Exists() && (m.YAML() == n.YAML() || slices.ContainsFunc(f.Related, func(r lint.Related) bool {
			return r.Role == "value" && r.Span.Compare(m.Locate().Span) == 0
		})) {
			all = append(all, m)
		}
	}
	return all
}

func higherGroup(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("an image whose files belong to a group of its own may not work as another", lint.Set(n, highID))
}

func otherGroup(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "a program that reads or writes files of the root group loses them"
	if n.Index() >= 0 {
		return lint.Risky(why, lint.Remove(n))
	}
	return lint.Risky(why, lint.Set(n, highID))
}

// noSysctls takes out the kernel parameters outside the safe set.
func noSysctls(_ *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Name() != "name" {
		return nil // a value with another parameter in it: which is meant is not said
	}
	item := n.Parent()
	var names []*lint.Node
	for _, other := range item.Parent().Items() {
		names = append(names, other.Get("name"))
	}
	var edits []lint.Edit
	for _, name := range named(f, n, names) {
		edits = append(edits, lint.Remove(name.Parent()))
	}
	return lint.Risky("a program that needs the kernel parameter runs with the node's", edits...)
}

func noSELinuxOptions(_ *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	options := n.Parent()
	var edits []lint.Edit
	for _, m := range named(f, n, []*lint.Node{options.Get("type"), options.Get("user"), options.Get("role")}) {
		edits = append(edits, lint.Remove(m))
	}
	return lint.Risky("on nodes with SELinux the program may do what the runtime's own type allows, and no more", edits...)
}

func noPrivilegedPods(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Resource().Kind != "SecurityContextConstraints" {
		return nil // nothing reads a PodSecurityPolicy any more
	}
	return lint.Risky("privileged pods of those who may use it are refused when they next start", lint.Set(n, false))
}

func readOnlyMount(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that writes to the node's files fails", lint.Set(n, true))
}

func recursively(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if mount := n.Parent(); mount.Get("mountPropagation").Value() != "" && mount.Get("mountPropagation").Value() != "None" {
		return nil // the API server refuses both together
	}
	return lint.Risky("a program that writes to a file system mounted below fails, and a node whose runtime does not know the field refuses the pod", lint.Set(n, "Enabled"))
}
