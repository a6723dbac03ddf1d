package secret

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A reference is a place in a pod that names a Secret or a ConfigMap, or a key of one.
type reference struct {
	kind     string // Secret or ConfigMap
	name     *lint.Node
	key      *lint.Node // nil where the object as a whole is meant
	optional bool
	by       string // who refers: container "web", volume "config"
}

// references returns what a pod takes from Secrets and ConfigMaps.
func references(p *lint.PodSpec) (all []reference) {
	add := func(kind, by string, at *lint.Node, nameField string, key *lint.Node) {
		if name := at.Get(nameField); name.Value() != "" {
			all = append(all, reference{kind, name, key, at.Get("optional").IsTrue(), by})
		}
	}
	files := func(kind, by string, at *lint.Node, nameField string) {
		add(kind, by, at, nameField, nil)
		for _, item := range at.Get("items").Items() {
			add(kind, by, at, nameField, item.Get("key"))
		}
	}
	for _, c := range p.Containers() {
		for _, env := range c.Node.Get("env").Items() {
			if at := env.Get("valueFrom"); at.Exists() {
				add("Secret", c.String(), at.Get("secretKeyRef"), "name", at.Get("secretKeyRef", "key"))
				add("ConfigMap", c.String(), at.Get("configMapKeyRef"), "name", at.Get("configMapKeyRef", "key"))
			}
		}
		for _, from := range c.Node.Get("envFrom").Items() {
			add("Secret", c.String(), from.Get("secretRef"), "name", nil)
			add("ConfigMap", c.String(), from.Get("configMapRef"), "name", nil)
		}
	}
	for _, v := range p.Node.Get("volumes").Items() {
		by := fmt.Sprintf("volume %q", v.Get("name").Value())
		files("Secret", by, v.Get("secret"), "secretName")
		files("ConfigMap", by, v.Get("configMap"), "name")
		for _, source := range v.Get("projected", "sources").Items() {
			files("Secret", by, source.Get("secret"), "name")
			files("ConfigMap", by, source.Get("configMap"), "name")
		}
	}
	for _, s := range p.Node.Get("imagePullSecrets").Items() {
		add("Secret", "imagePullSecrets", s, "name", nil)
	}
	return all
}

// DanglingSecretRef reports references to keys that a Secret or ConfigMap of the
// bundle does not have: the container does not start. References to objects that the bundle
// does not have are reported where missing-objects is set: others usually make them.
var DanglingSecretRef = &lint.Rule{
	ID:       "dangling-secret-ref",
	Summary:  "reference to a key that the Secret or ConfigMap does not have",
	Severity: lint.Low,
	Group:    "secret",
	Profiles: []lint.Profile{lint.ProfileDefault},
	Peers:    map[string][]string{"kube-linter": {"env-value-from"}},
	Docs:     docs,
	Params: []lint.Param{{
		Name: "missing-objects", Default: false,
		Summary: "also report references to Secrets and ConfigMaps that are not among the manifests",
	}},
	Run: func(pass *lint.Pass) {
		missingToo := pass.Bool("missing-objects")
		made := madeElsewhere(pass.Bundle)
		for _, p := range pass.PodsWith("secretKeyRef", "configMapKeyRef", "secretRef", "configMapRef", "secret", "configMap", "imagePullSecrets") {
			reported := map[*lint.Node]bool{}
			for _, ref := range references(p) {
				name := ref.name.Value()
				if ref.optional || kube.IsTemplated(name) {
					continue
				}
				objects := named(pass.Bundle, ref.kind, p.Resource.Namespace, name)
				if len(objects) == 0 {
					if missingToo && !made[ref.kind+"/"+name] && name != "kube-root-ca.crt" && !reported[ref.name] {
						reported[ref.name] = true
						pass.Reportf(ref.name, "%s refers to %s %q, which is not among the manifests", ref.by, ref.kind, name).Help =
							"add the " + ref.kind + ", or mark the reference optional: true"
					}
					continue
				}
				if ref.key == nil || ref.key.Value() == "" || slices.ContainsFunc(objects, func(r *lint.Resource) bool {
					return isFilledLater(r) || hasKey(r, ref.key.Value())
				}) {
					continue
				}
				f := pass.Reportf(ref.key, "%s refers to key %q, which %s does not have", ref.by, ref.key.Value(), objects[0])
				f.Help = "name a key that the " + ref.kind + " has, or mark the reference optional: true"
				f.Relate("reference", objects[0].Get("metadata", "name"), "the "+ref.kind+" is here")
			}
		}
	},
}

// objectName is what a reference names: the kind, namespace and name of an object.
type objectName struct{ kind, namespace, name string }

// named returns the objects of a name: plain trees may hold several variants of one.
func named(b *lint.Bundle, kind, namespace, name string) []*lint.Resource {
	index := lint.Shared(b, func(b *lint.Bundle) map[objectName][]*lint.Resource {
		index := map[objectName][]*lint.Resource{}
		for _, r := range b.OfKind("Secret", "ConfigMap") {
			if r.Group == "" {
				n := objectName{r.Kind, r.Namespace, r.Name}
				index[n] = append(index[n], r)
			}
		}
		return index
	})
	return index[objectName{kind, namespace, name}]
}

func hasKey(r *lint.Resource, key string) bool {
	for _, field := range []string{"data", "stringData", "binaryData"} {
		if r.Get(field, key).Exists() {
			return true
		}
	}
	return false
}

// isFilledLater reports whether a controller adds to the object's keys: a Secret of
// a service account's token, an object without any data or with an injector's annotation.
func isFilledLater(r *lint.Resource) bool {
	if r.Get("type").Value() == "kubernetes.io/service-account-token" {
		return true
	}
	empty := true
	for _, field := range []string{"data", "stringData", "binaryData"} {
		empty = empty && len(r.Get(field).Fields()) == 0
	}
	if empty {
		return true
	}
	for name := range r.Annotations() {
		if strings.Contains(name, "inject") || strings.Contains(name, "replicate") || strings.Contains(name, "reflector") || strings.Contains(name, "avp.") || strings.Contains(name, "merge") {
			return true
		}
	}
	return false
}

// madeElsewhere returns the Secrets that other objects of the bundle have made:
// SealedSecrets, ExternalSecrets, Certificates, ….
func madeElsewhere(b *lint.Bundle) map[string]bool {
	made := map[string]bool{}
	for _, r := range b.Resources {
		if encryptedKinds[r.Kind] {
			made["Secret/"+r.Name] = true
		}
		builtin := kube.IsBuiltin(r.Group)
		for _, path := range [][]string{{"spec", "target", "name"}, {"spec", "secretName"}, {"spec", "destination", "name"}, {"spec", "template", "metadata", "name"}, {"spec", "secretTemplate", "name"}} {
			if builtin {
				break
			}
			if n := r.Get(path...); n.IsScalar() {
				made["Secret/"+n.Value()] = true
			}
		}
		for _, o := range r.Get("spec", "secretObjects").Items() {
			made["Secret/"+o.Get("secretName").Value()] = true
		}
	}
	return made
}

// EnvSecretRef reports Secrets taken as environment variables (CIS 5.4.1).
var EnvSecretRef = &lint.Rule{
	ID:         "env-secret-ref",
	Summary:    "Secret is passed to a container as an environment variable",
	Severity:   lint.Low,
	Group:      "secret",
	References: []string{"CIS 5.4.1"},
	Peers: map[string][]string{
		"kube-linter": {"read-secret-from-env-var"}, "checkov": {"CKV_K8S_35"}, "kubescape": {"C-0207"}, "kubesec": {"SecretsAsEnvironmentVariables"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("secretKeyRef", "secretRef") {
			for _, env := range c.Node.Get("env").Items() {
				if ref := env.Get("valueFrom", "secretKeyRef"); ref.Exists() {
					f := pass.Reportf(ref, "%s reads Secret %q into the environment variable %q", c, ref.Get("name").Value(), env.Get("name").Value())
					f.Help = "mount the Secret as a file"
				}
			}
			for _, from := range c.Node.Get("envFrom").Items() {
				if ref := from.Get("secretRef"); ref.Exists() {
					f := pass.Reportf(ref, "%s reads every key of Secret %q into environment variables", c, ref.Get("name").Value())
					f.Help = "mount the Secret as files"
				}
			}
		}
	},
}
