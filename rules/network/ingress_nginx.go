package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// IngressNginxRetired reports what stands on ingress-nginx, which gets no fixes since
// March 2026: its controller, classes of it, and Ingresses that name one.
var IngressNginxRetired = &lint.Rule{
	ID:         "ingress-nginx-retired",
	Summary:    "ingress-nginx, which is retired and gets no security fixes, is deployed or depended on",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K07", "OWASP K10:2022"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		const help = "move to a controller that is maintained, or to an implementation of the Gateway API"
		for _, c := range pass.Containers() {
			if n := c.Get("image"); isIngressNginxImage(n.Value()) {
				pass.Reportf(n, "%s runs ingress-nginx, which has been retired since March 2026 and gets no security fixes", c).Help = help
			}
		}
		for _, r := range pass.Resources("IngressClass") {
			if n := r.Get("spec", "controller"); r.Group == "networking.k8s.io" && isIngressNginxController(n.Value()) {
				f := pass.Reportf(n, "%s belongs to ingress-nginx, which has been retired since March 2026 and gets no security fixes", r)
				f.Severity, f.Help = lint.Low, help
			}
		}
		for _, r := range pass.Resources("Ingress") {
			if n := namesIngressNginx(r); n != nil && (r.Group == "networking.k8s.io" || r.Group == "extensions") {
				f := pass.Reportf(n, "%s is of class %q, the default class of ingress-nginx, which has been retired since March 2026 and gets no security fixes", r, ingressClass(r))
				if class := pass.Bundle.Lookup("networking.k8s.io", "IngressClass", "", ingressClass(r)); class != nil {
					f.Message = fmt.Sprintf("%s is of class %q, which belongs to ingress-nginx, which has been retired since March 2026 and gets no security fixes", r, class.Name)
					f.Relate("policy", class.Get("spec", "controller"), "the controller of the class")
				}
				f.Severity, f.Help = lint.Low, help
			}
		}
	},
}

// isIngressNginxImage goes by the repository, which mirrors keep under their own host.
func isIngressNginxImage(image string) bool {
	if !strings.Contains(image, "nginx") {
		return false
	}
	image, _, _ = strings.Cut(image, "@")
	if slash, colon := strings.LastIndex(image, "/"), strings.LastIndex(image, ":"); colon > slash {
		image = image[:colon]
	}
	return slices.ContainsFunc([]string{"ingress-nginx/controller", "ingress-nginx/controller-chroot", "kubernetes-ingress-controller/nginx-ingress-controller"},
		func(repository string) bool { return image == repository || strings.HasSuffix(image, "/"+repository) })
}

func isIngressNginxController(name string) bool {
	return strings.HasPrefix(name, "k8s.io/ingress-nginx")
}

// namesIngressNginx returns where an Ingress names a class of ingress-nginx, or nil. A
// class that the bundle has is told by its controller; of others by the names that
// ingress-nginx gives them, unless another controller that takes the name is meant: F5's
// by its annotations.
func namesIngressNginx(r *lint.Resource) *lint.Node {
	n := r.Get("spec", "ingressClassName")
	if !n.IsScalar() {
		n = r.Get("metadata", "annotations", "kubernetes.io/ingress.class")
	}
	name := n.Value()
	if class := r.Bundle.Lookup("networking.k8s.io", "IngressClass", "", name); class != nil {
		if isIngressNginxController(class.Get("spec", "controller").Value()) {
			return n
		}
		return nil
	}
	if name != "nginx" && name != "ingress-nginx" || kube.IsTemplated(name) || lint.Shared(r.Bundle, findOtherNginx).deployed {
		return nil
	}
	for key := range r.Annotations() {
		if strings.HasPrefix(key, "nginx.org/") || strings.HasPrefix(key, "nginx.com/") {
			return nil
		}
	}
	return n
}

// otherNginx tells whether the bundle holds a controller that serves the class nginx in
// the place of ingress-nginx: F5's, or Traefik, which reads its Ingresses
// (https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-ingress-nginx/).
type otherNginx struct{ deployed bool }

func findOtherNginx(b *lint.Bundle) otherNginx {
	return otherNginx{slices.ContainsFunc(b.Containers(), func(c *lint.Container) bool {
		image := c.Get("image").Value()
		return strings.Contains(image, "nginx/nginx-ingress") || strings.Contains(image, "nginx/nginx-plus-ingress") ||
			slices.ContainsFunc(c.Get("args").Strings(), func(arg string) bool {
				return strings.HasPrefix(strings.ToLower(arg), "--providers.kubernetesingressnginx")
			})
	})}
}
