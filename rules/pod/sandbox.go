package pod

import (
	"github.com/manilint/manilint/lint"
)

// SandboxRuntimeClass reports agent sandboxes that share the kernel of their node.
// What runs in one is code that nobody has read; https://agent-sandbox.sigs.k8s.io
// leaves the isolation to the RuntimeClass.
var SandboxRuntimeClass = &lint.Rule{
	ID:       "sandbox-runtime-class",
	Summary:  "agent sandbox shares the kernel of its node",
	Severity: lint.Medium,
	Group:    "pod",
	Profiles: inDefault,
	Peers:    map[string][]string{"kubescape": {"C-0297"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		handlers := map[string]*lint.Node{}
		for _, r := range pass.Resources("RuntimeClass") {
			if r.Group == "node.k8s.io" {
				handlers[r.Name] = r.Get("handler")
			}
		}
		for _, p := range pass.PodSpecs() {
			if !isSandbox(p.Resource) {
				continue
			}
			class := p.Get("runtimeClassName")
			handler, held := handlers[class.Value()]
			var f *lint.Finding
			switch name := class.Value(); {
			case class.IsNull() || name == "":
				f = pass.Reportf(class, "%s runs in the node's default container runtime: runtimeClassName is not set", p.Resource)
			case held && sharesKernel[handler.Value()]:
				f = pass.Reportf(class, "%s runs in RuntimeClass %q, whose handler %q gives it no kernel of its own", p.Resource, name, handler.Value())
				f.Relate("runtime", handler, "the handler is set here")
			case !held && sharesKernel[name]:
				f = pass.Reportf(class, "%s runs in RuntimeClass %q, which gives it no kernel of its own", p.Resource, name)
			default:
				continue
			}
			f.Help = "set runtimeClassName to a runtime that isolates, as gVisor or Kata Containers"
		}
	},
}

// sharesKernel are the runtimes that start containers on the node's own kernel, as
// containerd and CRI-O call them.
var sharesKernel = map[string]bool{"runc": true, "crun": true, "youki": true, "nvidia": true}

// isSandbox reports whether an object makes agent sandboxes
// (https://agent-sandbox.sigs.k8s.io/docs/api/).
func isSandbox(r *lint.Resource) bool {
	return r.Is("agents.x-k8s.io", "Sandbox") || r.Is("extensions.agents.x-k8s.io", "SandboxTemplate")
}
