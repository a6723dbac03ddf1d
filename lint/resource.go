package lint

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A Resource is one Kubernetes object of a [Bundle]. It is immutable once its
// bundle is made.
type Resource struct {
	Root    *Node
	Group   string // "" for the core group
	Version string
	Kind    string
	// Namespace is where the object will live: metadata.namespace, else the
	// bundle's; "" for cluster-scoped kinds and where only the deploy decides.
	Namespace string
	// Name is metadata.name, or metadata.generateName with a "*" behind it.
	Name   string
	Bundle *Bundle

	locator Locator
	pods    []*PodSpec
	holders map[any][]holder // nil where the pods have few containers
}

// An Object names a Kubernetes object in reports.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// NewResources returns the objects of one parsed document: itself, or the items
// of a kind: List (and of any other …List with items), or those of a bare list. Items of
// a typed list that name neither take its apiVersion and its kind less List, as they do
// in kubectl. A document without apiVersion and kind gives none; see [Nameless].
func NewResources(root *yaml.Node, locator Locator) []*Resource {
	return (&Document{Root: NewNode(root)}).Resources(locator)
}

// Nameless returns the errors of what is meant as an object in one parsed document of
// src and is none, since it does not have an apiVersion or a kind: kubectl refuses it.
func Nameless(src *Source, root *yaml.Node) []*InputError {
	return (&Document{Root: NewNode(root)}).Nameless(src)
}

// Resources returns the objects of a document, as [NewResources] does. It takes the nodes of
// the document for them, so it is called once, and last.
func (d *Document) Resources(locator Locator) []*Resource {
	o := objects{}
	o.add(d.Root, "", "")
	for _, item := range d.Root.Items() {
		o.add(item, "", "")
	}
	resources := make([]*Resource, len(o.found))
	for i, f := range o.found {
		r := &Resource{Kind: f.kind, locator: locator}
		r.take(f.node)
		if group, version, ok := strings.Cut(f.apiVersion, "/"); ok {
			r.Group, r.Version = group, version
		} else {
			r.Version = f.apiVersion
		}
		meta := r.Root.Get("metadata")
		r.Name = meta.Get("name").Value()
		if name := meta.Get("generateName"); r.Name == "" && name.IsScalar() {
			r.Name = name.Value() + "*"
		}
		r.Namespace = meta.Get("namespace").Value()
		resources[i] = r
	}
	return resources
}

// take makes a node, and so what is below it, the root of r.
func (r *Resource) take(n *Node) {
	r.Root, n.parent, n.field, n.keyStyle = n, nil, "", 0
	if n.back == nil {
		n.back = &backing{}
	}
	n.back.origin = &origin{root: n, res: r}
}

// Nameless returns the errors of a document of src, as the function of that name does.
func (d *Document) Nameless(src *Source) []*InputError {
	if text := d.Root.Value(); strings.Contains(text, "apiVersion") && strings.Contains(text, "kind") {
		line, _ := d.Root.Position()
		return []*InputError{{Span: src.LineSpan(line), Message: "the document is a single text, not an object: it does not begin with YAML"}}
	}
	o := objects{}
	o.add(d.Root, "", "")
	var errs []*InputError
	for _, n := range o.nameless {
		what := "the document"
		if n.Index() >= 0 {
			what = fmt.Sprintf("item %d of the list", n.Index()+1)
		} else if !n.Get("metadata").IsMapping() || n.Get("apiVersion").Value() == "" && n.Get("kind").Value() == "" {
			continue // settings of something else
		}
		lacks := "apiVersion and kind"
		switch {
		case n.Get("apiVersion").Value() != "":
			lacks = "kind"
		case n.Get("kind").Value() != "":
			lacks = "apiVersion"
		}
		errs = append(errs, &InputError{Span: anchorIn(n, nameOf(n)).Span(src), Message: fmt.Sprintf("%s is not a Kubernetes object without %s; add it", what, lacks)})
	}
	return errs
}

// objects gathers what a document holds.
type objects struct {
	found    []found
	nameless []*Node
}

// A found object is a mapping with the apiVersion and kind of the object.
type found struct {
	node             *Node
	apiVersion, kind string
}

// add adds an object, or the items of a list. It takes the apiVersion and kind of one
// that has neither.
func (o *objects) add(doc *Node, apiVersion, kind string) {
	if doc.IsNull() || doc.Index() < 0 && !doc.IsMapping() {
		return
	}
	if v, k := doc.child("apiVersion"), doc.child("kind"); v != nil || k != nil {
		apiVersion, kind = "", ""
		if v != nil {
			apiVersion = v.Value()
		}
		if k != nil {
			kind = k.Value()
		}
	}
	if apiVersion == "" || kind == "" || !doc.IsMapping() {
		o.nameless = append(o.nameless, doc)
		return
	}
	itemKind, isList := strings.CutSuffix(kind, "List")
	if items := doc.child("items"); isList && items != nil && items.IsSequence() && (itemKind == "" || doc.child("spec") == nil) {
		for _, item := range items.Items() {
			o.add(item, apiVersion, itemKind)
		}
		return
	}
	o.found = append(o.found, found{doc, apiVersion, kind})
}

// NewKustomization returns a kustomization, whose file may leave out its apiVersion
// and kind, for the configuration of a bundle; see [NewBundle].
func NewKustomization(root *yaml.Node, locator Locator) *Resource {
	r := &Resource{Group: kustomizeGroup, Version: "v1beta1", Kind: "Kustomization", locator: locator}
	r.take(NewNode(root))
	if kind := r.Get("kind"); kind.IsScalar() {
		r.Kind = kind.Value()
	}
	if _, version, ok := strings.Cut(r.Get("apiVersion").Value(), "/"); ok {
		r.Version = version
	}
	r.Name = r.Get("metadata", "name").Value()
	return r
}

// Alone returns a bundle of this object and no other.
func (r *Resource) Alone() *Bundle {
	alone := *r
	alone.pods = nil
	b := r.Bundle
	return NewBundle(b.Rendering, b.Namespace, []*Resource{&alone})
}

// Source returns the file that the object was read from as it lies; nil where it was
// rendered from other files.
func (r *Resource) Source() *Source {
	if file, ok := r.locator.(FileLocator); ok {
		return file.Source
	}
	return nil
}

// Get returns the node at a path below the root: r.Get("spec", "template").
func (r *Resource) Get(path ...string) *Node { return r.Root.Get(path...) }

// APIVersion returns group/version as the object writes it.
func (r *Resource) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// Object returns the names that reports print.
func (r *Resource) Object() Object {
	return Object{r.APIVersion(), r.Kind, r.Namespace, r.Name}
}

// String returns the kind and quoted name, as messages print them: Deployment "web".
func (r *Resource) String() string { return r.Kind + ` "` + r.Name + `"` }

// Is reports whether the object is of a group and kind, in any version.
func (r *Resource) Is(group, kind string) bool { return r.Group == group && r.Kind == kind }

// Labels returns metadata.labels.
func (r *Resource) Labels() map[string]string { return r.Get("metadata", "labels").StringMap() }

// Annotations returns metadata.annotations.
func (r *Resource) Annotations() map[string]string {
	return r.Get("metadata", "annotations").StringMap()
}

// IsClusterScoped reports whether objects of this kind live in no namespace.
// Custom kinds count as namespaced unless their CustomResourceDefinition in the
// bundle says otherwise.
func (r *Resource) IsClusterScoped() bool {
	if clusterScoped[r.Group+"/"+r.Kind] {
		return true
	}
	return r.Bundle != nil && r.Bundle.clusterCRDs[r.Group+"/"+r.Kind]
}

// The cluster-scoped kinds of the Kubernetes API and of the policy APIs that
// rules read (https://kubernetes.io/docs/reference/kubernetes-api/).
var clusterScoped = map[string]bool{
	"/Namespace": true, "/Node": true, "/PersistentVolume": true, "/ComponentStatus": true,
	"rbac.authorization.k8s.io/ClusterRole": true, "rbac.authorization.k8s.io/ClusterRoleBinding": true,
	"apiextensions.k8s.io/CustomResourceDefinition": true, "apiregistration.k8s.io/APIService": true,
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   true,
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":     true,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy":        true,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": true,
	"admissionregistration.k8s.io/MutatingAdmissionPolicy":          true,
	"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding":   true,
	"storage.k8s.io/StorageClass":                                   true, "storage.k8s.io/CSIDriver": true, "storage.k8s.io/CSINode": true,
	"storage.k8s.io/VolumeAttachment": true, "storage.k8s.io/VolumeAttributesClass": true,
	"scheduling.k8s.io/PriorityClass": true, "networking.k8s.io/IngressClass": true, "node.k8s.io/RuntimeClass": true,
	"networking.k8s.io/IPAddress": true, "networking.k8s.io/ServiceCIDR": true, "resource.k8s.io/DeviceClass": true,
	"certificates.k8s.io/CertificateSigningRequest": true, "certificates.k8s.io/ClusterTrustBundle": true,
	"flowcontrol.apiserver.k8s.io/FlowSchema": true, "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": true,
	"policy/PodSecurityPolicy": true, "security.openshift.io/SecurityContextConstraints": true,
	"cilium.io/CiliumClusterwideNetworkPolicy": true, "crd.projectcalico.org/GlobalNetworkPolicy": true,
	"projectcalico.org/GlobalNetworkPolicy": true, "policy.networking.k8s.io/AdminNetworkPolicy": true,
	"policy.networking.k8s.io/BaselineAdminNetworkPolicy": true, "policy.networking.k8s.io/ClusterNetworkPolicy": true,
	"gateway.networking.k8s.io/GatewayClass": true, "cert-manager.io/ClusterIssuer": true,
	"external-secrets.io/ClusterSecretStore": true, "external-secrets.io/ClusterExternalSecret": true,
	"kyverno.io/ClusterPolicy": true,
}

// A Locator says where the nodes of a rendering were written. Package render
// has one for each kind of input. Its methods may be called concurrently.
type Locator interface {
	// Locate returns the place where an author fixes n: the value itself where
	// it exists; where it is missing, the place that should hold it.
	Locate(n *Node) Place
}

// A Place is a located node.
type Place struct {
	Span      Span
	Precision Precision
	// Related are the other places that decide the node: the values line of a
	// template, the patch over a base, the guard of a block.
	Related []Related
	// Origin says what the text of the node was made from; "" reads as [FromText].
	Origin Origin
}

// Origin says what the text of a node was made from. A rule that searches for
// literal secrets, say, passes over what a template generates.
type Origin string

// The origins of a node's text.
const (
	FromText      Origin = "text"      // written out in a manifest or a template
	FromValue     Origin = "value"     // the value of a key in a values file or on the command line, as it is or reformatted
	FromFile      Origin = "file"      // the content of another file of the chart or overlay
	FromLiteral   Origin = "literal"   // a constant inside a template action
	FromDerived   Origin = "derived"   // computed from values, as a digest or a sum is
	FromGenerated Origin = "generated" // made anew by each rendering: random text, keys, the time
)

// A Related is a further place of a finding. Role is one of value, patch, base,
// template, include, guard, generator, overlay, binding, role, policy, workload, change, ….
type Related struct {
	Role    string
	Message string
	Span    Span
	// Revision is the one whose file Span is in; "" for the files that are linted.
	Revision string
}

// Precision says how sure a place is.
type Precision string

// The levels of precision, best first.
const (
	Exact       Precision = "exact"  // this very node
	Block       Precision = "block"  // the enclosing mapping, or the template action that wrote it
	ObjectLevel Precision = "object" // the object
	FileLevel   Precision = "file"   // the file
)

// Locate returns where the node was written; see [Locator]. A locator that panics on a
// node of a bundle leaves it without a place, and [Bundle.Misplaced] reports that.
func (n *Node) Locate() (place Place) {
	r := n.Resource()
	if r == nil || r.locator == nil {
		return Place{}
	}
	if b := r.Bundle; b != nil {
		defer func() {
			if p := recover(); p != nil {
				b.misplace(r, p)
				place = Place{Precision: FileLevel}
			}
		}()
	}
	return r.locator.Locate(n)
}

// A FileLocator locates nodes that [ParseYAML] read from a file as it lies.
type FileLocator struct{ Source *Source }

// Locate returns the span of the value. A missing field is at what should
// hold it, by [Anchor].
func (l FileLocator) Locate(n *Node) Place {
	if n.Exists() {
		return Place{Span: n.Span(l.Source), Precision: Exact}
	}
	return Place{Span: Anchor(n).Span(l.Source), Precision: Block}
}

// Anchor returns the node at which a reader searches for a missing field: the
// key of the mapping that should hold it, else (in a list item or at the root of
// an object) the value of its name, else its first key.
func Anchor(n *Node) *Node {
	n = n.Nearest()
	switch {
	case n.HasKey():
		return n.KeyNode()
	case n.parent == nil:
		return anchorIn(n, nameOf(n))
	}
	return anchorIn(n, n.Get("name"))
}

// nameOf returns the name of an object, else its kind.
func nameOf(object *Node) *Node {
	for _, field := range []string{"name", "generateName"} {
		if name := object.Get("metadata", field); name.Exists() {
			return name
		}
	}
	return object.Get("kind")
}

func anchorIn(n, name *Node) *Node {
	if name.IsScalar() {
		return name
	}
	if entries := n.Entries(); len(entries) > 0 {
		return entries[0].KeyNode()
	}
	return n
}
