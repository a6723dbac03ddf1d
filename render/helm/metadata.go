package helm

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// loadError puts an error of the loader where it belongs: dir is the directory of the
// chart that was loaded, "" for the outermost.
func (t *tree) loadError(err error, dir string) *lint.InputError {
	var placed *lint.InputError
	if errors.As(err, &placed) {
		return placed
	}
	dir, text := t.failedChart(err.Error(), dir)
	if text == "Chart.yaml file is missing" && dir != "" {
		at := filepath.Join(t.root, filepath.FromSlash(strings.ReplaceAll(dir, packedSuffix, "/")))
		return &lint.InputError{Message: "the directory has no Chart.yaml, without which Helm does not load the chart around it", Span: t.line(at)}
	}
	for name, target := range map[string]any{
		"values.yaml": map[string]any{}, "Chart.yaml": chart.Metadata{}, "requirements.yaml": chart.Metadata{},
		"Chart.lock": chart.Lock{}, "requirements.lock": chart.Lock{},
	} {
		if f := t.named[dir+name]; f != nil && strings.HasPrefix(text, "cannot load "+name) {
			if e := misshapen(f.src, reflect.TypeOf(target)); e != nil {
				return e
			}
			return unreadable(f.src, err)
		}
	}
	if e := t.invalid(dir, strings.TrimPrefix(text, "validation: ")); e != nil {
		return e
	}
	return &lint.InputError{Message: fmt.Sprintf("chart %s: %s", t.shown, text), Span: t.home()}
}

// failedChart follows the names of subcharts in front of an error of the loader. It
// returns the directory of the innermost chart, and what is wrong with that.
func (t *tree) failedChart(text, dir string) (string, string) {
	for {
		rest, ok := strings.CutPrefix(text, "error unpacking subchart ")
		if !ok {
			return dir, text
		}
		found := ""
		for name := range t.named {
			name, ok := strings.CutPrefix(name, dir+"charts/")
			if name, _, isDir := strings.Cut(name, "/"); ok && isDir && len(name) > len(found) && strings.HasPrefix(rest, name+" in ") {
				found = name
			}
		}
		_, inner, ok := strings.Cut(rest, ": ")
		if found == "" || !ok {
			return dir, text
		}
		dir, text = dir+"charts/"+found+"/", inner
	}
}

// misshapen returns the first value of a YAML file that has not the kind that Helm reads
// there, as a list where text belongs; nil where each has.
func misshapen(src *lint.Source, target reflect.Type) *lint.InputError {
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 || len(docs) == 0 || docs[0].Kind != kyaml.MappingNode {
		return nil // unreadable says so
	}
	n, wanted := oddValue(lint.NewNode(docs[0]), target)
	if n == nil {
		return nil
	}
	return &lint.InputError{Message: fmt.Sprintf("Helm cannot read the file: %s is %s; %s belongs there", n.Path(), kindOf(n), wanted), Span: n.Span(src)}
}

// oddValue returns the first node below n that cannot be decoded into a Go type, and the
// kind that can.
func oddValue(n *lint.Node, target reflect.Type) (odd *lint.Node, wanted string) {
	if n.IsNull() {
		return nil, ""
	}
	switch target.Kind() {
	case reflect.Pointer:
		return oddValue(n, target.Elem())
	case reflect.Struct:
		if target == reflect.TypeFor[chart.Lock]().Field(0).Type { // a time
			return oddValue(n, reflect.TypeFor[string]())
		}
		if !n.IsMapping() {
			return n, "a mapping"
		}
		for _, field := range n.Fields() {
			for _, known := range reflect.VisibleFields(target) {
				name, _, _ := strings.Cut(known.Tag.Get("json"), ",")
				if !strings.EqualFold(name, field.Name()) {
					continue
				}
				if odd, wanted := oddValue(field, known.Type); odd != nil {
					return odd, wanted
				}
			}
		}
	case reflect.Map:
		if !n.IsMapping() {
			return n, "a mapping"
		}
		for _, field := range n.Fields() {
			if odd, wanted := oddValue(field, target.Elem()); odd != nil {
				return odd, wanted
			}
		}
	case reflect.Slice:
		if !n.IsSequence() {
			return n, "a list"
		}
		for _, item := range n.Items() {
			if odd, wanted := oddValue(item, target.Elem()); odd != nil {
				return odd, wanted
			}
		}
	case reflect.String:
		if !n.IsScalar() {
			return n, "text"
		}
	case reflect.Bool:
		if _, ok := n.Bool(); !ok {
			return n, "true or false"
		}
	}
	return nil, ""
}

// kindOf says what a node is.
func kindOf(n *lint.Node) string {
	switch {
	case n.IsMapping():
		return "a mapping"
	case n.IsSequence():
		return "a list"
	}
	switch n.Tag() {
	case kyaml.NodeTagBool:
		return "true or false"
	case kyaml.NodeTagInt, kyaml.NodeTagFloat:
		return "a number"
	}
	return "text"
}

var (
	badMetadata = lint.Regexp(`^chart\.metadata\.(\w+) `)
	badAlias    = lint.Regexp(`^dependency .* has disallowed characters in the alias$`)
	goodAlias   = lint.Regexp(`^[a-zA-Z0-9_-]+$`)
	sameName    = lint.Regexp(`^more than one dependency with name or alias (".*")$`)
)

// invalid puts what Helm refuses of the metadata of the chart in a directory of the tree
// where it is written; nil for what is none of that.
func (t *tree) invalid(dir, text string) *lint.InputError {
	home := t.named[dir+"Chart.yaml"]
	if home == nil {
		return nil
	}
	at := home.src.LineSpan(1)
	docs, _ := lint.ParseYAML(home.src)
	if len(docs) == 0 {
		docs = append(docs, nil)
	}
	if m := badMetadata().FindStringSubmatch(text); m != nil {
		key := lint.NewNode(docs[0]).Get(m[1])
		if key.Exists() {
			at = key.Span(home.src)
		}
		message := map[string]string{
			"name":    fmt.Sprintf("%s: %q is not a chart name; write one without slashes", m[1], key.Value()),
			"version": fmt.Sprintf("%s: %q is not a semantic version; write one as 1.2.3", m[1], key.Value()),
			"type":    fmt.Sprintf("%s: %q is not a chart type; write application or library", m[1], key.Value()),
		}[m[1]]
		if key.Value() == "" {
			message = fmt.Sprintf("the chart has no %s; Helm needs one in Chart.yaml", m[1])
		}
		return &lint.InputError{Message: message, Span: at}
	}
	var is func(*lint.Node) bool
	message := ""
	switch {
	case strings.HasPrefix(text, "maintainers must not"):
		for _, item := range lint.NewNode(docs[0]).Get("maintainers").Items() {
			if item.IsNull() {
				at = item.Span(home.src)
				break
			}
		}
		return &lint.InputError{Message: "an entry of maintainers is empty; write its name: or remove it", Span: at}
	case strings.HasPrefix(text, "dependencies must not"):
		message, is = "an entry of dependencies is empty; write name: and the name of the chart that it requires, or remove it", (*lint.Node).IsNull
	case badAlias().MatchString(text):
		message = "the alias of a dependency may contain only letters, digits, - and _"
		is = func(n *lint.Node) bool {
			alias := n.Get("alias").Value()
			return alias != "" && !goodAlias().MatchString(alias)
		}
	case sameName().MatchString(text):
		var name string
		if json.Unmarshal([]byte(sameName().FindStringSubmatch(text)[1]), &name) != nil {
			return nil
		}
		message = fmt.Sprintf("more than one dependency is called %q; give each an alias of its own", name)
		met := 0
		is = func(n *lint.Node) bool {
			called := n.Get("alias").Value()
			if called == "" {
				called = n.Get("name").Value()
			}
			if called == name {
				met++
			}
			return met == 2
		}
	default:
		return nil
	}
	e := &lint.InputError{Message: message, Span: at}
	for _, entry := range t.dependencyEntries(dir) {
		if is(entry.Node) {
			e.Span = entry.Span(entry.src)
			break
		}
	}
	return e
}
