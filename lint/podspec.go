package lint

import (
	"strings"
)

// A PodSpec is a pod, or the template of pods, inside a [Resource].
type PodSpec struct {
	Resource *Resource
	Node     *Node // the spec that holds the containers
	Metadata *Node // the metadata of the pods; missing where the kind has none
}

// Labels returns the labels that the pods will carry.
func (p *PodSpec) Labels() map[string]string { return p.Metadata.Get("labels").StringMap() }

// Annotations returns the annotations that the pods will carry.
func (p *PodSpec) Annotations() map[string]string { return p.Metadata.Get("annotations").StringMap() }

// A ContainerKind tells the lists of a pod's containers apart.
type ContainerKind string

// The kinds of containers. A sidecar is an init container with restartPolicy: Always.
const (
	MainContainer      ContainerKind = "container"
	InitContainer      ContainerKind = "init container"
	SidecarContainer   ContainerKind = "sidecar container"
	EphemeralContainer ContainerKind = "ephemeral container"
)

// A Container is one container of a pod.
type Container struct {
	Pod  *PodSpec
	Node *Node
	Kind ContainerKind
}

// Name returns the container's name, "" where it has none.
func (c *Container) Name() string { return c.Node.Get("name").Value() }

// String returns the kind and quoted name, as messages print them: init container "setup".
func (c *Container) String() string { return string(c.Kind) + ` "` + c.Name() + `"` }

// Containers returns every container of the pod: init containers and sidecars
// first, in the order in which they start.
func (p *PodSpec) Containers() []*Container {
	var all []*Container
	add := func(list *Node, kind ContainerKind) {
		for _, item := range list.Items() {
			k := kind
			if kind == InitContainer && item.Get("restartPolicy").Value() == "Always" {
				k = SidecarContainer
			}
			all = append(all, &Container{p, item, k})
		}
	}
	add(p.Node.Get("initContainers"), InitContainer)
	add(p.Node.Get("containers"), MainContainer)
	add(p.Node.Get("ephemeralContainers"), EphemeralContainer)
	return all
}

// podPaths maps group/kind to where its pod templates lie, as paths to what
// holds metadata and spec; "[]" steps into every item of a list.
var podPaths = map[string][]string{
	"/Pod":                   {""},
	"/PodTemplate":           {"template"},
	"/ReplicationController": {"spec.template"},
	"apps/Deployment":        {"spec.template"},
	"apps/DaemonSet":         {"spec.template"},
	"apps/StatefulSet":       {"spec.template"},
	"apps/ReplicaSet":        {"spec.template"},
	"extensions/Deployment":  {"spec.template"},
	"extensions/DaemonSet":   {"spec.template"},
	"extensions/ReplicaSet":  {"spec.template"},
	"batch/Job":              {"spec.template"},
	"batch/CronJob":          {"spec.jobTemplate.spec.template"},
}

// PodSpecs returns the pods that the object is or makes, in the order written.
func (r *Resource) PodSpecs() []*PodSpec { return r.pods }

func (r *Resource) findPods() {
	for _, path := range podPaths[r.Group+"/"+r.Kind] {
		for _, n := range expand(r.Root, path) {
			if spec := n.Get("spec"); spec.IsMapping() {
				r.pods = append(r.pods, &PodSpec{r, spec, n.Get("metadata")})
			}
		}
	}
}

// expand returns the existing nodes at a dotted path, "[]" meaning every item.
func expand(n *Node, path string) []*Node {
	if path == "" {
		return []*Node{n}
	}
	head, rest, _ := strings.Cut(path, ".")
	field, list := strings.CutSuffix(head, "[]")
	n = n.Get(field)
	if !n.Exists() {
		return nil
	}
	if !list {
		return expand(n, rest)
	}
	var all []*Node
	for _, item := range n.Items() {
		all = append(all, expand(item, rest)...)
	}
	return all
}

// ContainerOf returns the path of the container (or of the pod spec) that holds
// n, else "": what findings about n have in common.
func ContainerOf(n *Node) string {
	if n.res == nil {
		return ""
	}
	for _, p := range n.res.PodSpecs() {
		for m := n; m != nil; m = m.Parent() {
			if m.index >= 0 && m.parent.parent != nil && m.parent.parent.yaml == p.Node.yaml && strings.HasSuffix(strings.ToLower(m.parent.field), "containers") {
				return m.Path()
			}
			if m.yaml == p.Node.yaml && m.Exists() {
				return m.Path()
			}
		}
	}
	return ""
}
