package rbac

import (
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
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
		for _, b := range access.Of(pass.Bundle).Bindings {
			if len(b.Roles) > 0 || b.Name == "" || b.Kind != "Role" && b.Kind != "ClusterRole" || b.Kind == "Role" && (b.Cluster() || isSystemRole(b.Name)) {
				continue
			}
			where := ""
			if b.Kind == "Role" {
				where = access.InNamespaces([]string{b.Resource.Namespace})
			}
			lacks := "which this bundle lacks"
			if b.Kind == "ClusterRole" {
				lacks += " and which is none of Kubernetes' own"
			}
			f := pass.Reportf(b.Ref, "%s %q names %s %q%s, %s", b.Resource.Kind, b.Resource.Name, b.Kind, b.Name, where, lacks)
			f.Help = "add the role, or remove the binding: whoever may create a role of that name decides what its subjects may do"
		}
	},
}

// isSystemRole reports whether a Role is made by a component of Kubernetes.
func isSystemRole(name string) bool {
	return name == "extension-apiserver-authentication-reader" || strings.HasPrefix(name, "system:") || strings.HasPrefix(name, "kubeadm:")
}
