// Package image holds the rules about what containers run: whether a reference
// names one image for good, where it comes from, and programs that should not run
// at all. References are read by the distribution project's own grammar. No
// registry is asked, so nothing here knows whether an image exists or what is in it.
package image

import (
	"embed"
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	Tag,
	InvalidReference,
	Registry,
	DeprecatedRegistry,
	Tiller,
	KubeletInsecureTLS,
	Digest,
	PullPolicy,
	Dashboard,
	GitSync,
}

var core = []lint.Profile{lint.ProfileDefault}

// An image is the parsed image of a container, of a volume, or of a field of a custom
// resource by which an operator makes containers.
type image struct {
	reference
	*parsed
}

// parsed is what a reference says. Many containers run one image, so it is made once for each text.
type parsed struct {
	named lint.ImageReference
	err   error
	// name is the registry and the path: docker.io/library/nginx; host the registry, docker.io
	// where the reference names none; base the last part of the path.
	name, host, base string
}

func parse(text string) *parsed {
	named, err := lint.ParseImageReference(text)
	if err != nil {
		return &parsed{err: err}
	}
	name := named.Name()
	return &parsed{named: named, name: name, host: named.Registry, base: name[strings.LastIndex(name, "/")+1:]}
}

// A reference is an image as it is written.
type reference struct {
	container *lint.Container // nil for volumes and custom resources
	owner     fmt.Stringer    // the container, the volume, the object
	node      *lint.Node      // the value
	says      *parsed
	policy    *lint.Node // the pull policy, which may be missing
}

// String says what happens with the image: container "web" runs, volume "model" mounts.
func (r reference) String() string {
	if _, ok := r.owner.(volume); ok {
		return r.owner.String() + " mounts"
	}
	return r.owner.String() + " runs"
}

type volume struct{ *lint.Node }

func (v volume) String() string { return fmt.Sprintf("volume %q", v.Get("name").Value()) }

// written returns the images of the bundle as they are written. One that another program
// fills in before the pod runs is left out.
func written(pass *lint.Pass) []reference {
	pass.GoOn()
	return lint.Shared(pass.Bundle, findWritten)
}

func findWritten(b *lint.Bundle) []reference {
	var all []reference
	known := map[string]*parsed{}
	add := func(r reference) {
		text := r.node.Value()
		if isPlaceholder(text) {
			return
		}
		if r.says = known[text]; r.says == nil {
			r.says = parse(text)
			known[text] = r.says
		}
		all = append(all, r)
	}
	for _, c := range b.Containers() {
		add(reference{container: c, owner: c, node: c.Get("image"), policy: c.Get("imagePullPolicy")})
	}
	// https://kubernetes.io/docs/concepts/storage/volumes/#image: since 1.31, for good since 1.36
	if !kube.Before(b, 31) {
		for _, p := range b.PodSpecs() {
			for _, v := range p.Get("volumes").Items() {
				if source := v.Get("image"); source.IsMapping() {
					add(reference{owner: volume{v}, node: source.Get("reference"), policy: source.Get("pullPolicy")})
				}
			}
		}
	}
	for _, r := range b.Resources {
		for _, path := range imageFields[r.Group+"/"+r.Kind] {
			n := r.Get(strings.Split(path, ".")...)
			add(reference{owner: r, node: n, policy: n.Parent().Get("imagePullPolicy")})
		}
	}
	return all
}

// imageFields are the fields of custom resources, by group/kind, that name the image of the
// containers that their operator makes. Those of containers that the object shows are found there.
var imageFields = map[string][]string{
	// https://github.com/kubeflow/spark-operator/blob/master/docs/api-docs.md
	"sparkoperator.k8s.io/SparkApplication":          {"spec.image"},
	"sparkoperator.k8s.io/ScheduledSparkApplication": {"spec.template.image"},
	// https://strimzi.io/docs/operators/latest/configuring
	"kafka.strimzi.io/Kafka": {"spec.kafka.image", "spec.zookeeper.image", "spec.entityOperator.topicOperator.image", "spec.entityOperator.userOperator.image",
		"spec.cruiseControl.image", "spec.kafkaExporter.image"},
	"kafka.strimzi.io/KafkaConnect":      {"spec.image"},
	"kafka.strimzi.io/KafkaMirrorMaker":  {"spec.image"},
	"kafka.strimzi.io/KafkaMirrorMaker2": {"spec.image"},
	"kafka.strimzi.io/KafkaBridge":       {"spec.image"},
	// https://prometheus-operator.dev/docs/api-reference/api/
	"monitoring.coreos.com/Prometheus":      {"spec.image", "spec.thanos.image"},
	"monitoring.coreos.com/PrometheusAgent": {"spec.image"},
	"monitoring.coreos.com/Alertmanager":    {"spec.image"},
	"monitoring.coreos.com/ThanosRuler":     {"spec.image"},
	// https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-main/docs/custom-resource/reference/
	"flink.apache.org/FlinkDeployment": {"spec.image"},
	// https://www.elastic.co/docs/reference/cloud-on-k8s/api-docs
	"elasticsearch.k8s.elastic.co/Elasticsearch": {"spec.image"},
	"kibana.k8s.elastic.co/Kibana":               {"spec.image"},
	"apm.k8s.elastic.co/ApmServer":               {"spec.image"},
	"beat.k8s.elastic.co/Beat":                   {"spec.image"},
	"agent.k8s.elastic.co/Agent":                 {"spec.image"},
	"logstash.k8s.elastic.co/Logstash":           {"spec.image"},
	// https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/
	"postgresql.cnpg.io/Cluster": {"spec.imageName"},
	// https://postgres-operator.readthedocs.io/en/latest/reference/cluster_manifest/
	"acid.zalan.do/postgresql": {"spec.dockerImage"},
	// https://docs.percona.com/percona-operator-for-mysql/pxc/operator.html
	"pxc.percona.com/PerconaXtraDBCluster": {"spec.pxc.image", "spec.haproxy.image", "spec.proxysql.image", "spec.backup.image"},
	// https://docs.percona.com/percona-operator-for-mongodb/operator.html
	"psmdb.percona.com/PerconaServerMongoDB": {"spec.image", "spec.backup.image"},
	// https://github.com/mariadb-operator/mariadb-operator/blob/main/docs/api_reference.md
	"k8s.mariadb.com/MariaDB": {"spec.image"},
	// https://min.io/docs/minio/kubernetes/upstream/reference/operator-crd.html
	"minio.min.io/Tenant": {"spec.image"},
	// https://rook.io/docs/rook/latest/CRDs/specification/#ceph.rook.io/v1.CephVersionSpec
	"ceph.rook.io/CephCluster": {"spec.cephVersion.image"},
	// https://www.rabbitmq.com/kubernetes/operator/using-operator
	"rabbitmq.com/RabbitmqCluster": {"spec.image"},
	// https://www.keycloak.org/operator/advanced-configuration
	"k8s.keycloak.org/Keycloak": {"spec.image"},
	// https://docs.crossplane.io/latest/packages/providers/
	"pkg.crossplane.io/Provider":      {"spec.package"},
	"pkg.crossplane.io/Configuration": {"spec.package"},
	"pkg.crossplane.io/Function":      {"spec.package"},
}

// images returns the images of the bundle that can be parsed.
func images(pass *lint.Pass) []image {
	all := written(pass)
	return lint.Shared(pass.Bundle, func(*lint.Bundle) []image {
		some := make([]image, 0, len(all))
		for _, r := range all {
			if r.says.err == nil {
				some = append(some, image{r, r.says})
			}
		}
		return some
	})
}

// once returns judge as a function that judges each text but once.
func once[T any](judge func(image) T) func(image) T {
	known := map[*parsed]T{}
	return func(i image) T {
		v, ok := known[i.parsed]
		if !ok {
			v = judge(i)
			known[i.parsed] = v
		}
		return v
	}
}

// isPlaceholder reports whether the text is no image yet: empty, with a variable
// of a template or of the shell in it, or the word by which injectors are told to
// choose (https://istio.io/latest/docs/setup/additional-setup/gateway/).
func isPlaceholder(text string) bool {
	return text == "" || text == "auto" || strings.ContainsAny(text, "${}<>%() ")
}

// subject is what findings about the image have in common: its container, else the field.
func (i image) subject() string {
	if i.container != nil {
		return i.container.Node.Path()
	}
	return i.node.Path()
}

// tag returns the tag, "" where there is none.
func (i image) tag() string { return i.named.Tag }

func (i image) hasDigest() bool { return i.named.Digest != "" }
