package rbac

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// DanglingRole reports bindings to a role that neither the bundle nor Kubernetes
// itself has.
var DanglingRole = &lint.Rule{
	ID:         "dangling-role",
	Summary:    "binding names a role that is not part of the bundle",
	Severity:   lint.Low,
	Group:      "rbac",
	References: []string{"OWASP K02"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, b := range of(pass.Bundle).bindings {
			if len(b.roles) > 0 || b.name == "" || b.kind != "Role" && b.kind != "ClusterRole" || b.kind == "Role" && (b.cluster() || isSystemRole(b.name)) {
				continue
			}
			where := ""
			if b.kind == "Role" {
				where = inNamespaces([]string{b.res.Namespace})
			}
			lacks := "which this bundle lacks"
			if b.kind == "ClusterRole" {
				lacks += " and which is none of Kubernetes' own"
			}
			f := pass.Reportf(b.ref, "%s %q names %s %q%s, %s", b.res.Kind, b.res.Name, b.kind, b.name, where, lacks)
			f.Help = "add the role, or remove the binding: whoever may create a role of that name decides what its subjects may do"
		}
	},
}

// isSystemRole reports whether a Role is made by a component of Kubernetes.
func isSystemRole(name string) bool {
	return name == "extension-apiserver-authentication-reader" || strings.HasPrefix(name, "system:") || strings.HasPrefix(name, "kubeadm:")
}
