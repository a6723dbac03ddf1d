package helm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	filetree "github.com/manilint/manilint/render/tree"
)

// Options say how charts are rendered. The zero value of each field is Helm's default.
type Options struct {
	Files       *filetree.Tree // where files are read; needed
	ReleaseName string         // "release-name" when empty, as helm template has it
	// Namespace is .Release.Namespace. When empty, templates see "default", and
	// objects that take their namespace from there have none: only the deploy decides.
	Namespace   string
	KubeVersion string // as "1.33"; the newest known when empty
	APIVersions []string
	// ValueFiles, Set, SetString and SetFile are Helm's --values, --set,
	// --set-string and --set-file, and rank as they do there.
	ValueFiles, Set, SetString, SetFile []string
	// Variants are further sets of values files, each a bundle of its own, over ValueFiles.
	Variants [][]string
	// CIValues renders with each of the chart's ci/*-values.yaml too. Where the
	// defaults do not render they are tried in any case.
	CIValues bool
	// Timeout is for all renderings of one chart that one call makes; 30 seconds when 0. The
	// limits of the run come before it.
	Timeout time.Duration
	// Late, if not nil, is told of charts that ran out of time or memory, which are then rendered
	// no more. It is shared by all that render for one run.
	Late *Late
	// ValuesUsed, if not nil, is called with the absolute path of each values file that is
	// read for a rendering; from several goroutines.
	ValuesUsed func(path string)
	// MaxOutput bounds the bytes that one rendering may write; 16 MiB when 0.
	MaxOutput int
}

// A Late holds the charts that ran out of time or memory. The zero Late is ready for use, also by
// several goroutines.
type Late struct{ charts sync.Map }

func (l *Late) add(chart string) {
	if l != nil {
		l.charts.Store(chart, true)
	}
}

func (l *Late) has(chart string) bool {
	if l == nil {
		return false
	}
	_, late := l.charts.Load(chart)
	return late
}

// deadline returns a context that ends when the time of a chart is over.
func (o Options) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return limits.Unit(ctx, cmp.Or(o.Timeout, defaultTimeout), func(timeout time.Duration) error {
		return fmt.Errorf("not rendered within %v; a template may loop", timeout)
	})
}

const (
	defaultTimeout   = 30 * time.Second
	defaultMaxOutput = 16 << 20
)

// Check reports what no chart can be rendered with: a version that is none, a value
// that sets nothing, a file that is not there. Options.Files is needed.
func (o Options) Check() error {
	if _, err := capabilities(o); err != nil {
		return fmt.Errorf("--kube-version: %q is not a version; write it as 1.33", o.KubeVersion)
	}
	if o.ReleaseName != "" {
		if err := chartutil.ValidateReleaseName(o.ReleaseName); err != nil {
			return fmt.Errorf("--release-name: %q is not a release name: use lower-case letters, digits and hyphens", o.ReleaseName)
		}
	}
	for _, file := range o.ValueFiles {
		if strings.Contains(file, "://") || file == "-" {
			return fmt.Errorf("--values %s: only files on disk are read", file)
		}
		if _, err := o.Files.Open(file); err != nil {
			return fmt.Errorf("--values %s: %w", file, reason(err))
		}
	}
	for _, flag := range setFlags(o, o.Files) {
		all := map[string]any{}
		for _, text := range flag.values {
			if _, err := flag.parse(text, all); err != nil {
				return errors.New(flag.mistake(text, err))
			}
		}
	}
	return nil
}

// Load renders the chart at path, a directory with a Chart.yaml or a packed chart,
// once with its default values (and those of o) and once with each further set of
// values. What could not be rendered is in the bundles' errors; a chart that does
// not load gives one bundle that says so.
func Load(ctx context.Context, chartPath string, o Options) (bundles []*lint.Bundle) {
	if o.Late == nil {
		o.Late = &Late{}
	}
	ctx, cancel := o.deadline(ctx)
	defer cancel()
	t, err := openTree(chartPath, o)
	if err != nil {
		return []*lint.Bundle{t.bundle("", o, nil, []*lint.InputError{err})}
	}
	first, failed := t.render(ctx, variant{name: t.variantName(o.ValueFiles), files: t.valueFiles(o.ValueFiles)}, o)
	bundles = []*lint.Bundle{first}
	for _, set := range o.Variants {
		files := append(append([]string(nil), o.ValueFiles...), set...)
		b, _ := t.render(ctx, variant{name: t.variantName(set), files: t.valueFiles(files)}, o)
		bundles = append(bundles, b)
	}
	if o.CIValues || failed && !o.Late.has(t.root) {
		for _, ci := range t.ciValues() {
			files := append(t.valueFiles(o.ValueFiles), ci)
			b, failedToo := t.render(ctx, variant{name: strings.TrimPrefix(ci.shown, t.shown+"/"), files: files}, o)
			if o.CIValues || !failedToo {
				bundles = append(bundles, b)
			}
		}
	}
	return once(bundles)
}

// openTree reads a chart's files. The tree is there also where that fails, for the
// bundle that says so.
func openTree(path string, o Options) (t *tree, failed *lint.InputError) {
	hush()
	t = &tree{root: path, shown: path, cache: o.Files}
	var unread error
	failed = t.contain("reading", func() {
		t.shown = o.Files.Display(path)
		t, unread = readTree(path, o.Files)
	})
	if failed == nil && unread != nil {
		failed = t.unread(unread)
	}
	return t, failed
}

// contain calls f and returns failed, or what it panicked with as an error that names
// the chart: a fault in this program or a library must not take the other inputs along.
func (t *tree) contain(doing string, f func()) (failed *lint.InputError) {
	defer func() {
		if p := recover(); p != nil {
			failed = &lint.InputError{Message: fmt.Sprintf("%s chart %s panicked: %v; please report this with the chart", doing, t.shown, p), Span: t.firstLine("Chart.yaml")}
		}
	}()
	f()
	return nil
}

// once keeps an error that several bundles share, as that of the chart itself, in the
// first of them.
func once(bundles []*lint.Bundle) []*lint.Bundle {
	seen := map[string]bool{}
	for _, b := range bundles {
		b.Errors = slices.DeleteFunc(b.Errors, func(e *lint.InputError) bool {
			again := seen[e.Error()]
			seen[e.Error()] = true
			return again
		})
	}
	return bundles
}

// A variant is one set of values.
type variant struct {
	name   string
	files  []valueFile
	inline []*valueLayer // of the object that requests the rendering
	rooms  []room        // of that, where it has none
	// inlineUnder ranks the inline values below the files.
	inlineUnder bool
	sets        []setting // over all others
	// instead says that the files replace the chart's own values.yaml.
	instead                   bool
	noCRDs, noTests, noSchema bool
	notes                     []lint.Note // on what of the object is not applied
	// post makes something else of what is rendered; nil makes nothing of it.
	post func(context.Context, *Inflated) ([]*lint.Resource, []*lint.InputError)
}

// A setting is a value that an object sets by its path: by layer, or by the text of a
// file at key.
type setting struct {
	layer *valueLayer
	key   string
	file  valueFile
}

// A valueFile is a values file to be read.
type valueFile struct {
	path     string // "" when src is known
	shown    string
	src      *lint.Source
	fromRoot bool      // of a deployment: path begins at the root of the repository, not at the chart
	by       string    // the object that names it, "" for none
	at       lint.Span // where
	optional bool      // where it is not there, nothing is wrong
}

// missing says that a values file cannot be read.
func (f valueFile) missing(err error) *lint.InputError {
	e := &lint.InputError{Message: fmt.Sprintf("values file %s: %v", f.shown, reason(err)), Span: f.at, Lacks: []string{f.shown, f.path}}
	if f.by != "" {
		e.Message = f.by + ": " + e.Message
	}
	return e
}

func (t *tree) valueFiles(paths []string) []valueFile {
	var files []valueFile
	for _, p := range paths {
		files = append(files, valueFile{path: p, shown: t.cache.Display(p)})
	}
	return files
}

func (t *tree) variantName(paths []string) string {
	var names []string
	for _, p := range paths {
		names = append(names, strings.TrimPrefix(t.cache.Display(p), t.shown+"/"))
	}
	return strings.Join(names, ",")
}

// ciValues returns the chart's ci/*-values.yaml, which chart-testing installs it
// with (https://github.com/helm/chart-testing). .helmignore often names them, so
// they are looked up next to what was loaded.
func (t *tree) ciValues() []valueFile {
	var files []valueFile
	dir := filepath.Join(t.root, "ci")
	entries, _ := t.cache.ReadDir(dir)
	for _, e := range entries {
		if p := filepath.Join(dir, e.Name()); strings.HasSuffix(p, "-values.yaml") && t.cache.IsFile(p) {
			files = append(files, valueFile{path: p, shown: t.cache.Display(p)})
		}
	}
	if len(files) > 0 {
		return files
	}
	for name, f := range t.named {
		if ok, _ := path.Match("ci/*-values.yaml", name); ok {
			files = append(files, valueFile{shown: f.src.Path, src: f.src})
		}
	}
	sort.Slice(files, func(i, j int) bool { return files[i].shown < files[j].shown })
	return files
}

// bundle makes the bundle of one rendering.
func (t *tree) bundle(variant string, o Options, resources []*lint.Resource, errs []*lint.InputError) *lint.Bundle {
	rendering := lint.Rendering{Kind: "helm", Root: t.shown, Variant: variant}
	b := lint.NewBundle(rendering, o.Namespace, resources)
	b.KubeVersion = o.KubeVersion
	b.Errors = append(append(b.Errors, t.errs...), errs...)
	for _, e := range b.Errors {
		e.Rendering = &b.Rendering
	}
	followed(b.Errors)
	return b
}

// followed marks the errors that follow from a dependency that is not there: a template
// that reads the values of one fails as well.
func followed(errs []*lint.InputError) {
	for _, cause := range errs {
		rest, ok := strings.CutPrefix(cause.Message, "dependency ")
		name, _, found := strings.Cut(rest, " is not in charts/")
		if bare, err := strconv.Unquote(name); ok && found && err == nil {
			for _, e := range errs {
				holder, _, reads := strings.Cut(strings.TrimPrefix(e.Message, "does not render: "), ": cannot read ")
				if reads && e.Lacks == nil && (holder == name || strings.HasPrefix(holder+".", ".Values."+bare+".")) {
					e.Lacks = cause.Lacks
				}
			}
		}
	}
}

// capabilities are what templates see as .Capabilities.
func capabilities(o Options) (*chartutil.Capabilities, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	version := o.KubeVersion
	if version == "" {
		version = fmt.Sprintf("v1.%d.0", kube.Newest)
	}
	parsed, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("--kube-version %q: %w", version, err)
	}
	caps.KubeVersion = *parsed
	caps.APIVersions = slices.Clone(caps.APIVersions)
	if chartutil.IsCompatibleRange(">=1.25.0-0", parsed.Version) { // the versions before had other ones
		caps.APIVersions = append(caps.APIVersions, served()...)
	}
	caps.APIVersions = append(caps.APIVersions, o.APIVersions...)
	return caps, nil
}

// served is what every cluster serves and Helm, without one, does not know of: the API of
// the aggregation layer, which is in none of its modules, and the kinds of the stable
// versions by name. Charts request both to choose an apiVersion, as in
// .Capabilities.APIVersions.Has "networking.k8s.io/v1/Ingress", and would otherwise render
// an old one that no cluster gets
// (https://helm.sh/docs/chart_template_guide/builtin_objects/).
var served = sync.OnceValue(func() chartutil.VersionSet {
	versions := chartutil.VersionSet{"apiregistration.k8s.io/v1", "apiregistration.k8s.io/v1/APIService"}
	for kind := range scheme.Scheme.AllKnownTypes() {
		if version := kind.GroupVersion(); stable().MatchString(kind.Version) && scheme.Scheme.IsVersionRegistered(version) {
			versions = append(versions, version.String()+"/"+kind.Kind)
		}
	}
	slices.Sort(versions)
	return versions
})

// stable matches the versions of an API that are neither alpha nor beta.
var stable = lint.Regexp(`^v\d+$`)

func releaseOptions(o Options) chartutil.ReleaseOptions {
	name, namespace := o.ReleaseName, o.Namespace
	if name == "" {
		name = "release-name"
	}
	if namespace == "" {
		namespace = "default"
	}
	return chartutil.ReleaseOptions{Name: name, Namespace: namespace, Revision: 1, IsInstall: true}
}

// prepare loads the chart afresh and settles its values for one set of them.
func (t *tree) prepare(ctx context.Context, v variant, o Options) (*loaded, *valueStack, chartutil.Values, []*lint.InputError) {
	l, err := t.load()
	if err != nil {
		return nil, nil, nil, []*lint.InputError{t.loadError(err, "")}
	}
	stack, errs := t.stack(v, o)
	if len(errs) > 0 {
		return nil, nil, nil, errs
	}
	caps, err := capabilities(o)
	if err != nil {
		return nil, nil, nil, []*lint.InputError{{Message: err.Error()}}
	}
	if v.instead {
		l.Values = stack.files
	}
	stack.describe(t, l.Chart)
	if v.instead {
		stack.chart.own = nil
	}
	notes := t.conflicts(l.Chart, stack)
	if err := chartutil.ProcessDependenciesWithMerge(l.Chart, stack.user); err != nil {
		return nil, nil, nil, []*lint.InputError{{Message: fmt.Sprintf("chart %s: %v", t.shown, err), Span: t.firstLine("Chart.yaml")}}
	}
	errs = slices.Concat(l.errs, t.reportMissing(l))
	if need := l.Metadata.KubeVersion; need != "" && !chartutil.IsCompatibleRange(need, caps.KubeVersion.String()) {
		errs = append(errs, &lint.InputError{Span: t.keyLine("Chart.yaml", "kubeVersion"),
			Message: fmt.Sprintf("the chart needs Kubernetes %s and is rendered for %s; set --kube-version", need, caps.KubeVersion.String())})
		return nil, nil, nil, errs
	}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(l.Chart, stack.user, releaseOptions(o), caps, true)
	if err != nil {
		return nil, nil, nil, append(errs, &lint.InputError{Message: fmt.Sprintf("values of chart %s: %v", t.shown, err), Span: t.firstLine("values.yaml")})
	}
	if settled, ok := values["Values"].(chartutil.Values); ok && !v.noSchema {
		errs = append(errs, t.checkSchema(ctx, l.Chart, settled, stack, nil)...)
	}
	l.notes = notes
	return l, stack, values, errs
}

func (t *tree) firstLine(name string) lint.Span {
	if f := t.named[name]; f != nil {
		return f.src.LineSpan(1)
	}
	return lint.Span{}
}

// keyLine returns the span of a value of one of the chart's YAML files.
func (t *tree) keyLine(name string, keys ...string) lint.Span {
	f := t.named[name]
	if f == nil {
		return lint.Span{}
	}
	docs, _ := lint.ParseYAML(f.src)
	for _, doc := range docs {
		if n := lint.NewNode(doc).Get(keys...); n.Exists() {
			return n.Span(f.src)
		}
	}
	return f.src.LineSpan(1)
}

// crds returns the files of crds/ of a chart and its subcharts, which Helm
// installs as they lie.
func (t *tree) crds(c *chart.Chart) []*file {
	var files []*file
	for _, crd := range c.CRDObjects() {
		if len(crd.File.Data) > 0 {
			if f := t.byRef[&crd.File.Data[0]]; f != nil {
				files = append(files, f)
			}
		}
	}
	return files
}
