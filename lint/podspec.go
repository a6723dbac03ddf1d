package lint

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A PodSpec is a pod, or the template of pods, inside a [Resource].
type PodSpec struct {
	Resource *Resource
	Node     *Node // the spec that holds the containers
	Metadata *Node // the metadata of the pods; missing where the kind has none
	// Defaults hold the fields that count where Node does not have them, nearest first:
	// the spec of an Argo Workflow, for each of its templates. None for most kinds.
	Defaults []*Node
	// Partial says that an operator completes the pod (it runs containers that
	// the object does not show), so that what is missing here is not known to be
	// missing in the pod. See [Container.Partial].
	Partial bool

	form       *podForm
	os         string
	containers []*Container
}

// Labels returns the labels that the pods will carry.
func (p *PodSpec) Labels() map[string]string { return p.Metadata.Get("labels").StringMap() }

// Annotations returns the annotations that the pods will carry.
func (p *PodSpec) Annotations() map[string]string { return p.Metadata.Get("annotations").StringMap() }

// Get returns the node at a path of the pod's spec, as [Node.Get] does; a field
// that only the Defaults hold comes from there.
func (p *PodSpec) Get(path ...string) *Node { return getOr(p.Node, p.Defaults, path) }

// getOr returns n's child at a path; where n does not have the path, that of the first
// of defaults that has it.
func getOr(n *Node, defaults []*Node, path []string) *Node {
	own := n.Get(path...)
	if own.Exists() {
		return own
	}
	for _, d := range defaults {
		if found := d.Get(path...); found.Exists() {
			return found
		}
	}
	return own
}

// SecurityContext returns the security context that holds for all containers of the pod.
func (p *PodSpec) SecurityContext() *Node {
	if p.form.context == "" {
		return p.Get("securityContext")
	}
	return p.Get(p.form.context)
}

// ContextPath returns the path, from the root of the object, at which a security
// context holds for every container of the pod; "" where the kind has no such place.
func (p *PodSpec) ContextPath() string {
	field := "securityContext"
	if p.form.context != "" {
		field = p.form.context
	}
	n := p.Node
	switch {
	case strings.HasPrefix(p.form.shared, "^"):
		return strings.TrimPrefix(p.Node.Path()+"."+p.form.shared[1:], ".")
	case p.form.shared != "":
		return p.form.shared
	case p.form.noContext:
		return ""
	case p.SecurityContext().Exists():
		return p.SecurityContext().Path()
	}
	return n.Get(field).Path()
}

// OS returns spec.os.name, which is what the API server goes by: linux, windows or "".
func (p *PodSpec) OS() string { return p.os }

// IsWindows reports whether spec.os.name says that the pod runs on Windows.
func (p *PodSpec) IsWindows() bool { return p.os == "windows" }

// A ContainerKind tells the lists of a pod's containers apart.
type ContainerKind string

// The kinds of containers. A sidecar is an init container with restartPolicy:
// Always, or what the kind calls so; a step is one of a Tekton task.
const (
	MainContainer      ContainerKind = "container"
	InitContainer      ContainerKind = "init container"
	SidecarContainer   ContainerKind = "sidecar container"
	EphemeralContainer ContainerKind = "ephemeral container"
	StepContainer      ContainerKind = "step"
)

// A Container is one container of a pod.
type Container struct {
	Pod  *PodSpec
	Node *Node
	Kind ContainerKind
	// Defaults hold the fields that count where Node does not have them: the stepTemplate
	// of a Tekton task. None for most kinds.
	Defaults []*Node
	// Partial says that an operator completes the container, of which the object
	// shows some fields: one that is wrong is wrong, one that is missing is not
	// known to be missing.
	Partial bool

	name string
}

// Get returns the node at a path of the container, as [Node.Get] does; a field
// that only the Defaults hold comes from there.
func (c *Container) Get(path ...string) *Node { return getOr(c.Node, c.Defaults, path) }

// Name returns the container's name, "" where it has none.
func (c *Container) Name() string {
	return c.name
}

// String returns the kind and quoted name, as messages print them: init
// container "setup"; the kind and the place in its list, from 1, where it has no name.
func (c *Container) String() string {
	name := c.Name()
	if name == "" && c.Node.Index() >= 0 {
		return string(c.Kind) + " " + strconv.Itoa(c.Node.Index()+1)
	}
	return string(c.Kind) + ` "` + name + `"`
}

// Containers returns every container of the pod: init containers and sidecars
// first, in the order in which they start. The slice must not be changed.
func (p *PodSpec) Containers() []*Container { return p.containers }

// A podForm says where objects of a kind hold a pod. The zero podForm is a pod:
// metadata and spec at the root of the object, and in the spec the usual lists.
type podForm struct {
	at         string // path to what holds metadata and spec; "[]" is every item, "*" every field
	spec       string // field of the spec there; "spec" when empty, "." for the holder itself
	metadata   string // path of the pods' metadata from the holder; "metadata" when empty
	defaults   []string
	context    string // field of the pod's security context, where it is not securityContext
	shared     string // see PodSpec.ContextPath; from the pod's spec with a leading "^"
	noContext  bool
	partial    bool
	containers []containerForm // instead of the usual lists
}

// A containerForm says where a pod holds containers: a path from its spec (from
// the holder, with a leading "^") to one container, or to a list with "[]".
type containerForm struct {
	path     string
	kind     ContainerKind
	name     string // of a container that has none; "^" for that of its pod
	defaults string // path, from the root of the object or (with "^") the holder
}

var usualLists = []containerForm{
	{path: "initContainers[]", kind: InitContainer},
	{path: "containers[]", kind: MainContainer},
	{path: "ephemeralContainers[]", kind: EphemeralContainer},
}

func template(paths ...string) []podForm {
	var forms []podForm
	for _, at := range paths {
		forms = append(forms, podForm{at: at})
	}
	return forms
}

// inline are specs that hold the fields of a pod next to others of their own, for an
// operator to complete.
func inline(metadata string, paths ...string) []podForm {
	var forms []podForm
	for _, at := range paths {
		forms = append(forms, podForm{at: at, spec: ".", metadata: metadata, partial: true})
	}
	return forms
}

// partial templates are completed by the operator: containers without an image
// are patches to its own.
func partial(paths ...string) []podForm {
	forms := template(paths...)
	for i := range forms {
		forms[i].partial = true
	}
	return forms
}

// workflow are the templates of Argo Workflows
// (https://argo-workflows.readthedocs.io/en/latest/fields/#template).
func workflow(spec string) []podForm {
	defaults := spec + ".templateDefaults"
	return []podForm{{
		at: spec + ".templates[]", spec: ".", defaults: []string{defaults, spec}, shared: spec + ".securityContext",
		containers: []containerForm{
			{path: "initContainers[]", kind: InitContainer},
			{path: "container", kind: MainContainer, name: "^", defaults: defaults + ".container"},
			{path: "script", kind: MainContainer, name: "^", defaults: defaults + ".script"},
			{path: "containerSet.containers[]", kind: MainContainer},
			{path: "sidecars[]", kind: SidecarContainer},
		},
	}}
}

// task are Tekton task specs (https://tekton.dev/docs/pipelines/tasks/); the
// pod's own fields come from the run's podTemplate, which has moved between
// versions of the API.
func task(podTemplates []string, paths ...string) []podForm {
	var forms []podForm
	for _, at := range paths {
		form := podForm{at: at, spec: ".", shared: "^stepTemplate.securityContext", containers: []containerForm{
			{path: "steps[]", kind: StepContainer, defaults: "^stepTemplate"},
			{path: "sidecars[]", kind: SidecarContainer},
		}}
		if len(podTemplates) > 0 {
			form.defaults, form.shared = podTemplates, podTemplates[0]+".securityContext"
		}
		forms = append(forms, form)
	}
	return forms
}

// strimzi are the templates by which Strimzi makes a component's pods
// (https://strimzi.io/docs/operators/latest/configuring#type-PodTemplate-reference).
func strimzi(path string, containers ...string) podForm {
	form := podForm{at: path + ".template", spec: "pod", metadata: "pod.metadata", partial: true}
	for _, c := range containers {
		form.containers = append(form.containers, containerForm{path: "^" + c, kind: MainContainer, name: c})
	}
	return form
}

// spark are the driver and executor of a Spark application, each a pod and its
// first container in one mapping.
func spark(spec string) []podForm {
	var forms []podForm
	for _, role := range []string{"driver", "executor"} {
		forms = append(forms, podForm{at: spec + "." + role, spec: ".", metadata: ".", context: "podSecurityContext", partial: true, containers: []containerForm{
			{path: "initContainers[]", kind: InitContainer},
			{path: "", kind: MainContainer, name: role},
			{path: "sidecars[]", kind: SidecarContainer},
		}}, podForm{at: spec + "." + role + ".template", partial: true})
	}
	return forms
}

// kserve are the parts of an inference service: a pod of containers, or of one
// model server that the service's runtime completes.
func kserve(paths ...string) []podForm {
	forms := inline("", paths...)
	for i := range forms {
		forms[i].containers = append([]containerForm{{path: "model", kind: MainContainer, name: "kserve-container"}}, usualLists...)
	}
	return forms
}

var rayCluster = []string{"headGroupSpec.template", "workerGroupSpecs[].template"}

func below(prefix string, paths ...string) []string {
	var all []string
	for _, p := range paths {
		all = append(all, prefix+"."+p)
	}
	return all
}

// podForms maps group/kind to where its pods lie. Custom kinds that hold a pod
// in the usual shape need no entry: see [Resource.findShapes].
var podForms = map[string][]podForm{
	"/Pod":                   template(""),
	"/PodTemplate":           template("template"),
	"/ReplicationController": template("spec.template"),
	"apps/Deployment":        template("spec.template"),
	"apps/DaemonSet":         template("spec.template"),
	"apps/StatefulSet":       template("spec.template"),
	"apps/ReplicaSet":        template("spec.template"),
	"extensions/Deployment":  template("spec.template"),
	"extensions/DaemonSet":   template("spec.template"),
	"extensions/ReplicaSet":  template("spec.template"),
	"batch/Job":              template("spec.template"),
	"batch/CronJob":          template("spec.jobTemplate.spec.template"),

	"apps.openshift.io/DeploymentConfig": template("spec.template"),
	"/DeploymentConfig":                  template("spec.template"),

	"argoproj.io/Rollout":                 template("spec.template"),
	"argoproj.io/Experiment":              template("spec.templates[].template"),
	"argoproj.io/AnalysisTemplate":        template("spec.metrics[].provider.job.spec.template"),
	"argoproj.io/ClusterAnalysisTemplate": template("spec.metrics[].provider.job.spec.template"),
	"argoproj.io/Workflow":                workflow("spec"),
	"argoproj.io/WorkflowTemplate":        workflow("spec"),
	"argoproj.io/ClusterWorkflowTemplate": workflow("spec"),
	"argoproj.io/CronWorkflow":            workflow("spec.workflowSpec"),
	"argoproj.io/EventSource": {{at: "spec.template", spec: ".", partial: true,
		containers: []containerForm{{path: "container", kind: MainContainer, name: "eventsource"}}}},
	"argoproj.io/Sensor": {{at: "spec.template", spec: ".", partial: true,
		containers: []containerForm{{path: "container", kind: MainContainer, name: "sensor"}}}},

	"serving.knative.dev/Service":         template("spec.template"),
	"serving.knative.dev/Configuration":   template("spec.template"),
	"serving.knative.dev/Revision":        template(""),
	"sources.knative.dev/ContainerSource": template("spec.template"),

	"tekton.dev/Task":        task(nil, "spec"),
	"tekton.dev/ClusterTask": task(nil, "spec"),
	"tekton.dev/StepAction": {{at: "", spec: "spec", noContext: true,
		containers: []containerForm{{path: "", kind: StepContainer, name: "^"}}}},
	"tekton.dev/TaskRun":  task([]string{"spec.podTemplate"}, "spec.taskSpec"),
	"tekton.dev/Pipeline": task(nil, "spec.tasks[].taskSpec", "spec.finally[].taskSpec"),
	"tekton.dev/PipelineRun": task([]string{"spec.taskRunTemplate.podTemplate", "spec.podTemplate"},
		"spec.pipelineSpec.tasks[].taskSpec", "spec.pipelineSpec.finally[].taskSpec"),

	"monitoring.coreos.com/Prometheus":      inline("podMetadata", "spec"),
	"monitoring.coreos.com/PrometheusAgent": inline("podMetadata", "spec"),
	"monitoring.coreos.com/Alertmanager":    inline("podMetadata", "spec"),
	"monitoring.coreos.com/ThanosRuler":     inline("podMetadata", "spec"),

	// https://agent-sandbox.sigs.k8s.io/docs/api/
	"agents.x-k8s.io/Sandbox":                    template("spec.podTemplate"),
	"extensions.agents.x-k8s.io/SandboxTemplate": template("spec.podTemplate"),

	"keda.sh/ScaledJob": template("spec.jobTargetRef.template"),

	"kafka.strimzi.io/Kafka": {
		strimzi("spec.kafka", "kafkaContainer", "initContainer"),
		strimzi("spec.zookeeper", "zookeeperContainer"),
		strimzi("spec.entityOperator", "topicOperatorContainer", "userOperatorContainer", "tlsSidecarContainer"),
		strimzi("spec.cruiseControl", "cruiseControlContainer", "tlsSidecarContainer"),
		strimzi("spec.kafkaExporter", "container"),
	},
	"kafka.strimzi.io/KafkaNodePool":     {strimzi("spec", "kafkaContainer", "initContainer")},
	"kafka.strimzi.io/KafkaConnect":      {strimzi("spec", "connectContainer", "initContainer")},
	"kafka.strimzi.io/KafkaMirrorMaker":  {strimzi("spec", "mirrorMakerContainer")},
	"kafka.strimzi.io/KafkaMirrorMaker2": {strimzi("spec", "connectContainer", "initContainer")},
	"kafka.strimzi.io/KafkaBridge":       {strimzi("spec", "bridgeContainer", "initContainer")},

	"sparkoperator.k8s.io/SparkApplication":          spark("spec"),
	"sparkoperator.k8s.io/ScheduledSparkApplication": spark("spec.template"),

	"ray.io/RayCluster": template(below("spec", rayCluster...)...),
	"ray.io/RayJob":     template(append(below("spec.rayClusterSpec", rayCluster...), "spec.submitterPodTemplate")...),
	"ray.io/RayService": template(below("spec.rayClusterConfig", rayCluster...)...),

	"kubeflow.org/TFJob":       template("spec.tfReplicaSpecs.*.template"),
	"kubeflow.org/PyTorchJob":  template("spec.pytorchReplicaSpecs.*.template"),
	"kubeflow.org/MPIJob":      template("spec.mpiReplicaSpecs.*.template"),
	"kubeflow.org/XGBoostJob":  template("spec.xgbReplicaSpecs.*.template"),
	"kubeflow.org/PaddleJob":   template("spec.paddleReplicaSpecs.*.template"),
	"kubeflow.org/JAXJob":      template("spec.jaxReplicaSpecs.*.template"),
	"kubeflow.org/Notebook":    template("spec.template"),
	"jobset.x-k8s.io/JobSet":   template("spec.replicatedJobs[].template.spec.template"),
	"batch.volcano.sh/Job":     template("spec.tasks[].template"),
	"apps.kruise.io/CloneSet":  template("spec.template"),
	"apps.kruise.io/DaemonSet": template("spec.template"),

	"serving.kserve.io/InferenceService":      kserve("spec.predictor", "spec.transformer", "spec.explainer"),
	"serving.kserve.io/ServingRuntime":        inline("", "spec"),
	"serving.kserve.io/ClusterServingRuntime": inline("", "spec"),

	"operator.victoriametrics.com/VMAgent":        inline("podMetadata", "spec"),
	"operator.victoriametrics.com/VMAlert":        inline("podMetadata", "spec"),
	"operator.victoriametrics.com/VMAlertmanager": inline("podMetadata", "spec"),
	"operator.victoriametrics.com/VMAuth":         inline("podMetadata", "spec"),
	"operator.victoriametrics.com/VMSingle":       inline("podMetadata", "spec"),
	"operator.victoriametrics.com/VMCluster":      inline("podMetadata", "spec.vmstorage", "spec.vmselect", "spec.vminsert"),

	"elasticsearch.k8s.elastic.co/Elasticsearch": partial("spec.nodeSets[].podTemplate"),
	"beat.k8s.elastic.co/Beat":                   partial("spec.daemonSet.podTemplate", "spec.deployment.podTemplate"),
	"agent.k8s.elastic.co/Agent":                 partial("spec.daemonSet.podTemplate", "spec.deployment.podTemplate", "spec.statefulSet.podTemplate"),
	"flink.apache.org/FlinkDeployment": partial("spec.podTemplate", "spec.jobManager.podTemplate",
		"spec.taskManager.podTemplate"),
	"opentelemetry.io/OpenTelemetryCollector": {{at: "spec", spec: ".", metadata: "-", context: "podSecurityContext", partial: true, containers: []containerForm{
		{path: "initContainers[]", kind: InitContainer},
		{path: "", kind: MainContainer, name: "otc-container"},
		{path: "additionalContainers[]", kind: MainContainer},
	}}},
}

// PodSpecs returns the pods that the object is or makes, in the order written.
func (r *Resource) PodSpecs() []*PodSpec { return r.pods }

func (r *Resource) findPods() {
	r.pods = nil
	for i := range podForms[r.Group+"/"+r.Kind] {
		r.addPods(r.Root, &podForms[r.Group+"/"+r.Kind][i])
	}
	if r.mayEmbedPods() && hasContainers(r.Root, 0) {
		r.findShapes(r.Root)
	}
}

// A PodPath is a place at which objects of a kind hold a pod template, besides
// those that manilint knows.
type PodPath struct {
	Kind string // "group/Kind", or "Kind" alone for any group
	// Path leads from the root of the object to what holds the template's
	// metadata and spec, or to the spec itself: "spec.server.podTemplate";
	// "[]" behind a field is every item of a list, "*" every field.
	Path string
}

// AddPods makes the bundle look for pods at further paths. It must be called
// before the bundle is checked.
func (b *Bundle) AddPods(paths ...PodPath) {
	for _, p := range paths {
		group, kind, ok := strings.Cut(p.Kind, "/")
		if !ok {
			group, kind = "", p.Kind
		}
		for _, r := range b.byKind[kind] {
			if ok && r.Group != group {
				continue
			}
			for _, holder := range expand(r.Root, p.Path) {
				form := &podForm{}
				if holder.Get("containers").Exists() || !holder.Get("spec").IsMapping() {
					form.spec = "."
				}
				r.addPod(holder, form)
			}
		}
	}
	b.gatherPods()
}

// addPods adds the pods that a form finds below the root of an object.
func (r *Resource) addPods(root *Node, form *podForm) {
	for _, holder := range expand(root, form.at) {
		r.addPodBelow(root, holder, form)
	}
}

func (r *Resource) addPod(holder *Node, form *podForm) { r.addPodBelow(r.Root, holder, form) }

func (r *Resource) addPodBelow(root, holder *Node, form *podForm) {
	spec := holder
	switch form.spec {
	case "":
		spec = holder.Get("spec")
	case ".":
	default:
		spec = holder.Get(form.spec)
	}
	if !spec.IsMapping() && (len(form.containers) == 0 || form.spec == ".") || r.isPod(spec) {
		return
	}
	p := &PodSpec{Resource: r, Node: spec, Partial: form.partial, form: form}
	switch form.metadata {
	case "":
		p.Metadata = holder.Get("metadata")
	case ".":
		p.Metadata = holder
	default:
		p.Metadata = holder.Get(strings.Split(form.metadata, ".")...)
	}
	for _, path := range form.defaults {
		p.Defaults = append(p.Defaults, expand(root, path)...)
	}
	if p.Node.Has("os") || len(p.Defaults) > 0 {
		p.os = p.Get("os", "name").Value()
	}
	lists := form.containers
	if lists == nil {
		lists = usualLists
	}
	for _, list := range lists {
		p.addContainers(root, holder, list)
	}
	if len(p.containers) == 0 && (form.containers != nil && !form.partial || !spec.Exists()) {
		return // a template that runs no pod, as the steps of a workflow
	}
	r.pods = append(r.pods, p)
}

func (p *PodSpec) addContainers(root, holder *Node, list containerForm) {
	path, from := list.path, p.Node
	if above, ok := strings.CutPrefix(path, "^"); ok {
		path, from = above, holder
	}
	for _, n := range expand(from, path) {
		if !n.IsMapping() {
			continue
		}
		name := n.Get("name").Value()
		if name == "" {
			name = list.name
			if name == "^" {
				name = holder.Get("name").Value()
				if name == "" {
					name = root.Get("metadata", "name").Value()
				}
			}
		}
		c := &Container{Pod: p, Node: n, Kind: list.kind, name: name}
		if list.defaults != "" {
			if above, ok := strings.CutPrefix(list.defaults, "^"); ok {
				c.Defaults = expand(holder, above)
			} else {
				c.Defaults = expand(root, list.defaults)
			}
		}
		if c.Kind == InitContainer && n.Get("restartPolicy").Value() == "Always" {
			c.Kind = SidecarContainer
		}
		noImage := !c.Get("image").IsScalar()
		c.Partial = noImage && (p.Partial || c.Kind == StepContainer)
		p.containers = append(p.containers, c)
	}
}

func (r *Resource) isPod(spec *Node) bool {
	for _, p := range r.pods {
		if spec.Exists() && p.Node.Same(spec) {
			return true
		}
	}
	return false
}

// mayEmbedPods reports whether a pod may lie anywhere in an object of this
// kind. The kinds of Kubernetes itself are in the table, a
// CustomResourceDefinition holds a schema, what policy engines hold are patterns
// of pods that others write, and what deploy tools hold are patches.
func (r *Resource) mayEmbedPods() bool {
	if r.Group == "" || !strings.Contains(r.Group, ".") {
		return r.Group == "" && r.Kind == "Template"
	}
	if group, ok := strings.CutSuffix(r.Group, ".k8s.io"); ok && !strings.Contains(group, ".") && group != "sparkoperator" {
		return false
	}
	for _, engine := range []string{"kyverno.io", "gatekeeper.sh", "nirmata.io", "kubewarden.io",
		"policy.open-cluster-management.io", "fluxcd.io", "kustomize.config.k8s.io", "config.kubernetes.io"} {
		if r.Group == engine || strings.HasSuffix(r.Group, "."+engine) {
			return false
		}
	}
	return !strings.HasSuffix(r.Group, ".authorization.k8s.io") && r.Group != "flowcontrol.apiserver.k8s.io"
}

// maxDepth bounds the search for pods in objects of unknown kinds.
const maxDepth = 64

// hasContainers tells cheaply whether a list called containers or templates is anywhere below n.
func hasContainers(n *Node, depth int) bool {
	if depth > maxDepth {
		return false
	}
	for _, f := range n.Fields() {
		switch f.Name() {
		case "containers", "templates", "steps":
			if len(f.Items()) > 0 {
				return true
			}
		}
		if hasContainers(f, depth+1) {
			return true
		}
	}
	return slices.ContainsFunc(n.Items(), func(item *Node) bool { return hasContainers(item, depth+1) })
}

// notDeployed matches fields that hold parts or patterns of objects rather than
// objects: patches, overlays, the values of a chart.
var notDeployed = Regexp(`(?i)patch|overlay|pattern|^values|schema|^status$`)

// findShapes adds the pods below n that are told by their shape: a mapping
// called …spec, …template or …pod with a list of containers, each with name and
// image; and whole objects of known kinds that another object holds.
func (r *Resource) findShapes(n *Node) { r.findShapesBelow(n, 0) }

func (r *Resource) findShapesBelow(n *Node, depth int) {
	if depth > maxDepth {
		return
	}
	if n.IsMapping() {
		if r.isPod(n) {
			return
		}
		if kind := n.Get("kind"); depth > 0 && kind.IsScalar() && n.Get("apiVersion").IsScalar() {
			group, _, ok := strings.Cut(n.Get("apiVersion").Value(), "/")
			if !ok {
				group = ""
			}
			if kind.Value() == "CustomResourceDefinition" {
				return
			}
			if forms := podForms[group+"/"+kind.Value()]; forms != nil {
				for _, form := range forms {
					form.partial = true // it may add to an object that exists
					r.addPods(n, &form)
				}
				return
			}
		}
		if shape := podShape(n); shape != noPod {
			holder, form := n, &podForm{spec: ".", partial: shape == partialPod}
			if n.Name() == "spec" && n.Parent() != nil && n.Parent().Parent() != nil {
				holder, form.spec = n.Parent(), ""
			}
			r.addPod(holder, form)
			return
		}
	}
	for _, c := range n.Fields() {
		if (c.IsMapping() || c.IsSequence()) && !notDeployed().MatchString(c.Name()) {
			r.findShapesBelow(c, depth+1)
		}
	}
	for _, c := range n.Items() {
		r.findShapesBelow(c, depth+1)
	}
}

type shape int

const (
	noPod shape = iota
	partialPod
	wholePod
)

// podShape tells whether a mapping looks like a pod: called …spec, …template or
// …pod, with a list of containers, each with name and image. In the spec of a
// …template names alone make a pod that an operator completes.
func podShape(n *Node) shape {
	last := func(n *Node) string {
		if n == nil {
			return ""
		}
		name := n.Name()
		if n.Index() >= 0 {
			name = strings.TrimSuffix(n.Parent().Name(), "s")
		}
		return strings.ToLower(name)
	}
	name := last(n)
	if !strings.HasSuffix(name, "spec") && !strings.HasSuffix(name, "template") && !strings.HasSuffix(name, "pod") {
		return noPod
	}
	found := noPod
	for _, c := range n.Get("containers").Items() {
		switch {
		case !c.Get("name").IsScalar():
			return noPod
		case found != partialPod && c.Get("image").IsScalar():
			found = wholePod
		case name == "spec" && strings.HasSuffix(last(n.Parent()), "template"):
			found = partialPod
		case !c.Get("image").IsScalar():
			return noPod
		}
	}
	return found
}

// expand returns the existing nodes at a dotted path; "[]" behind a field means
// every item of a list, "*" every field of a mapping.
func expand(n *Node, path string) []*Node {
	if path == "" || path == "." {
		return []*Node{n}
	}
	head, rest, _ := strings.Cut(path, ".")
	var next, all []*Node
	if field, list := strings.CutSuffix(head, "[]"); list {
		next = n.Get(field).Items()
	} else if head == "*" {
		next = n.Fields()
	} else if child := n.Get(head); child.Exists() {
		next = []*Node{child}
	}
	for _, c := range next {
		all = append(all, expand(c, rest)...)
	}
	return all
}

// ContainerOf returns the path of the container (or of the pod spec) that holds
// n, else "": what findings about n have in common.
func ContainerOf(n *Node) string {
	if holder := HolderOf(n); holder != nil {
		return holder.Path()
	}
	return ""
}

// HolderOf returns the node of the container that holds n, else of the pod; nil where
// neither does.
func HolderOf(n *Node) *Node {
	r := n.Resource()
	if r == nil {
		return nil
	}
	if r.holders != nil {
		return r.holderOf(n)
	}
	for _, p := range r.PodSpecs() {
		for m := n; m != nil; m = m.Parent() {
			if !m.Exists() {
				continue
			}
			for _, c := range p.containers {
				if m.Same(c.Node) && !m.Same(p.Node) {
					return m
				}
			}
			if m.Same(p.Node) {
				return m
			}
		}
	}
	return nil
}

// ContainerNameOf returns the name of the container that holds n, or "".
func ContainerNameOf(n *Node) string {
	r := n.Resource()
	if r == nil {
		return ""
	}
	for ; n != nil; n = n.Parent() {
		if r.holders != nil {
			for _, h := range r.holders[n.Identity()] {
				if h.container != nil && n.Exists() && !n.Same(h.pod.Node) {
					return h.container.Name()
				}
			}
			continue
		}
		for _, p := range r.PodSpecs() {
			for _, c := range p.Containers() {
				if n.Exists() && n.Same(c.Node) && !n.Same(p.Node) {
					return c.Name()
				}
			}
		}
	}
	return ""
}

// A holder is a container, or a pod where container is nil, that stands at a node.
type holder struct {
	turn      int // of the pod
	pod       *PodSpec
	container *Container
}

// holdersOf returns the holders by their nodes where going through them for each finding would
// take the square of them; nil where they are few.
func holdersOf(pods []*PodSpec) map[any][]holder {
	const few = 32
	all := len(pods)
	for _, p := range pods {
		all += len(p.containers)
	}
	if all <= few {
		return nil
	}
	index := make(map[any][]holder, all)
	for i, p := range pods {
		for _, c := range p.containers {
			index[c.Node.Identity()] = append(index[c.Node.Identity()], holder{i, p, c})
		}
		index[p.Node.Identity()] = append(index[p.Node.Identity()], holder{i, p, nil})
	}
	return index
}

// holderOf is HolderOf by the index: the first pod that holds n decides, and in it what is
// closest to n.
func (r *Resource) holderOf(n *Node) (found *Node) {
	first := math.MaxInt
	for m := n; m != nil; m = m.Parent() {
		if !m.Exists() {
			continue
		}
		for _, h := range r.holders[m.Identity()] {
			if h.turn < first {
				found, first = m, h.turn
			}
		}
	}
	return found
}
