package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/strvals"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
	filetree "github.com/manilint/manilint/render/tree"
)

// A valueStack is one set of values as Helm ranks them: what the user gives, over
// the chart's values.yaml, over those of its subcharts.
type valueStack struct {
	user   map[string]any // the user's values, merged as Helm merges them
	layers []*valueLayer  // the user's, strongest first
	chart  *chartLayer
	files  map[string]any // the values files alone, merged
	rooms  []room
}

// A room is where an object can hold values that holds none: in fields of a node.
type room struct {
	span   func() lint.Span // of the node
	fields []string
}

// A valueLayer is one source of values.
type valueLayer struct {
	src  *lint.Source
	root *lint.Node                 // the values, positioned in src; nil where each has the place of all
	data map[string]any             // the values, decoded; nil for a layer of a file
	at   lint.Span                  // of a layer without root: its place; not valid for a flag
	flag string                     // the flag that sets it, as "--set mode", which has no place
	set  func(map[string]any) error // sets the values in what is there; nil where they are merged with it
	// vendored says that the layer belongs to a chart that others publish.
	vendored bool
	located  bool       // the nodes belong to an object, which knows their places
	made     *lint.Node // of a layer without root: the node of an object that says it; may be nil
}

// A chartLayer holds the values of a chart and of its subcharts.
type chartLayer struct {
	own     *valueLayer // its values.yaml, nil where it has none
	subs    map[string]*chartLayer
	imports []importRule
	at      lint.Span // of its dependency entry in the parent's Chart.yaml
}

// An importRule is an entry of import-values: what lies at child in the values of
// a subchart lies at parent too.
type importRule struct {
	sub           string
	child, parent []string
}

// A valuePlace is where a value was set.
type valuePlace struct {
	layer *valueLayer
	// node is the value; it has a place of its own where the layer has a root. It does
	// not exist in the zero valuePlace.
	node *lint.Node
	path []string // of the value as it is written there, from the root chart's values
}

// nowhere is the node of no value.
var nowhere = lint.NewNode(nil)

// span returns where the value stands; of nothing, its key. It is not valid for a flag.
func (p valuePlace) span() lint.Span {
	switch {
	case p.layer.located:
		return p.node.Locate().Span
	case p.layer.root == nil:
		return p.layer.at
	case !p.node.Exists():
		return p.layer.src.Span(0, len(p.layer.src.Data))
	case p.node.IsNull() && p.node.HasKey():
		return p.node.KeyNode().Span(p.layer.src)
	}
	return p.node.Span(p.layer.src)
}

// related returns what the object that sets the value was made from: the parameters of an
// ApplicationSet.
func (p valuePlace) related() []lint.Related {
	switch {
	case p.layer.located && p.node.Exists():
		return p.node.Locate().Related
	case p.layer.made != nil:
		return p.layer.made.Locate().Related
	}
	return nil
}

// key returns where the key of the value stands; the value, for list items.
func (p valuePlace) key() lint.Span {
	if !p.layer.located && p.layer.root != nil && p.node.HasKey() {
		return p.node.KeyNode().Span(p.layer.src)
	}
	return p.span()
}

// setHere says of the value at a place how it came there.
func (p valuePlace) setHere() string {
	if p.layer.flag != "" {
		return "is set by " + p.layer.flag
	}
	return "is set here"
}

// flagged names the flag that sets a value, behind what is said of the value; "" where
// its place says how it came there.
func (p valuePlace) flagged() string {
	if p.layer.flag == "" {
		return ""
	}
	return ", set by " + p.layer.flag
}

// stack reads the user's values for one variant.
func (t *tree) stack(v variant, o Options) (*valueStack, []*lint.InputError) {
	s := &valueStack{user: map[string]any{}, rooms: v.rooms}
	var errs []*lint.InputError
	add := func(layer *valueLayer, values map[string]any) {
		s.layers = append([]*valueLayer{layer}, s.layers...)
		if layer.set == nil {
			s.user = mergeMaps(s.user, values)
		} else if err := layer.set(s.user); err != nil { // into what is there, for list indices
			errs = append(errs, &lint.InputError{Message: "values cannot be set: " + err.Error(), Span: layer.at})
		}
	}
	inline := func() {
		for _, layer := range v.inline {
			add(layer, layer.data)
		}
	}
	if v.inlineUnder {
		inline()
	}
	for _, f := range v.files {
		src, err := t.open(f)
		switch {
		case err != nil && f.optional && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			errs = append(errs, f.missing(err))
			continue
		}
		o.used(src)
		layer, values, failed := fileLayer(src)
		if failed != nil {
			errs = append(errs, failed)
			continue
		}
		s.files = mergeMaps(s.files, values)
		if v.instead { // they rank where values.yaml would
			s.layers = append([]*valueLayer{layer}, s.layers...)
			continue
		}
		add(layer, values)
	}
	if !v.inlineUnder {
		inline()
	}
	for _, flag := range setFlags(o, t.cache) {
		for _, text := range flag.values {
			own := map[string]any{}
			read, err := flag.parse(text, own)
			if err == nil {
				_, err = flag.parse(text, s.user) // into what is there, for list indices
			}
			if err != nil {
				errs = append(errs, &lint.InputError{Message: flag.mistake(text, err)})
				continue
			}
			layer := &valueLayer{data: own, flag: flag.name + " " + keyOf(text)}
			if read != nil {
				layer.at = read.LineSpan(1)
			}
			s.layers = append([]*valueLayer{layer}, s.layers...)
		}
	}
	for _, set := range v.sets {
		layer := set.layer
		if layer == nil {
			src, err := t.open(set.file)
			if err != nil {
				errs = append(errs, set.file.missing(err))
				continue
			}
			into := func(into map[string]any) error {
				return strvals.ParseIntoFile(set.key+"=file", into, func([]rune) (any, error) { return string(src.Data), nil })
			}
			layer = &valueLayer{data: map[string]any{}, at: src.LineSpan(1), set: into}
			if err := into(layer.data); err != nil {
				errs = append(errs, &lint.InputError{Message: fmt.Sprintf("%s: %s is not set: %v", set.file.by, set.key, err), Span: set.file.at})
				continue
			}
		}
		add(layer, nil)
	}
	return s, errs
}

// used says that a values file was read.
func (o Options) used(src *lint.Source) {
	if o.ValuesUsed != nil && src.File != "" {
		o.ValuesUsed(src.File)
	}
}

// open reads a values file.
func (t *tree) open(f valueFile) (*lint.Source, error) {
	switch {
	case f.src != nil:
		return f.src, nil
	case strings.Contains(f.path, "://") || f.path == "-":
		return nil, errors.New("only files on disk are read")
	}
	return t.cache.Open(f.path)
}

// A setFlag is one of Helm's flags that set single values.
type setFlag struct {
	name   string
	values []string
	parse  func(string, map[string]any) (*lint.Source, error)
}

func setFlags(o Options, cache *filetree.Tree) []setFlag {
	return []setFlag{
		{"--set", o.Set, func(text string, into map[string]any) (*lint.Source, error) {
			return nil, strvals.ParseInto(text, into)
		}},
		{"--set-string", o.SetString, func(text string, into map[string]any) (*lint.Source, error) {
			return nil, strvals.ParseIntoString(text, into)
		}},
		{"--set-file", o.SetFile, func(text string, into map[string]any) (*lint.Source, error) {
			var read *lint.Source
			return read, strvals.ParseIntoFile(text, into, func(path []rune) (any, error) {
				cache.Give(string(path))
				src, err := cache.Open(string(path))
				if err != nil {
					return nil, reason(err)
				}
				read = src
				return string(src.Data), nil
			})
		}},
	}
}

// keyOf returns the keys that the text of a flag sets, without the values, which may be
// passwords.
func keyOf(text string) string {
	key, _, _ := strings.Cut(text, "=")
	return key
}

// mistake says what is wrong with a flag's value, which may hold a password.
func (f setFlag) mistake(text string, err error) string {
	_, value, _ := strings.Cut(text, "=")
	var masks mask.Masks
	masks.AddValue(value)
	return fmt.Sprintf("%s %s: %s", f.name, keyOf(text), masks.Redact(err.Error()))
}

// fileLayer parses a values file.
func fileLayer(src *lint.Source) (*valueLayer, map[string]any, *lint.InputError) {
	values := map[string]any{}
	if err := yaml.Unmarshal(src.Data, &values); err != nil {
		return nil, nil, unreadable(src, err)
	}
	return &valueLayer{src: src, root: parseValues(src)}, values, nil
}

// unreadable says what is wrong with a YAML file that Helm could not read.
func unreadable(src *lint.Source, err error) *lint.InputError {
	docs, errs := lint.ParseDocuments(src)
	if len(errs) > 0 {
		return errs[0]
	}
	if len(docs) > 0 && !docs[0].Root.IsMapping() {
		return &lint.InputError{Message: "a mapping is expected here", Span: docs[0].Root.Span(src)}
	}
	for _, doc := range docs {
		if n := structuredKey(doc.Root); n != nil {
			span := n.Span(src)
			message := "a key must be text, not a mapping or a list"
			if from := span.Start.Offset - 1; from >= 0 && bytes.HasPrefix(src.Data[from:], []byte("{{")) {
				message = "this is read as a mapping in a mapping, since the file is no template: put {{ }} in quotes, or write the value itself"
				span = src.Span(from, span.End.Offset)
				if bytes.HasPrefix(src.Data[span.End.Offset:], []byte("}")) {
					span = src.Span(from, span.End.Offset+1)
				}
			}
			return &lint.InputError{Message: message, Span: span}
		}
	}
	text := err.Error()
	for _, prefix := range []string{"cannot load ", "error converting YAML to JSON: ", "error unmarshaling JSON: ", "yaml: "} {
		if _, rest, ok := strings.Cut(text, prefix); ok {
			text = rest
		}
	}
	return &lint.InputError{Message: "cannot be read: " + text, Span: src.LineSpan(1)}
}

// structuredKey returns the first key below a node that is a mapping or a list; nil where
// there is none.
func structuredKey(n *lint.Node) *lint.Node {
	for _, e := range n.Entries() {
		if e.Name() == "" {
			if key := e.KeyNode(); key.IsMapping() || key.IsSequence() {
				return key
			}
		}
		if found := structuredKey(e); found != nil {
			return found
		}
	}
	for _, item := range n.Items() {
		if found := structuredKey(item); found != nil {
			return found
		}
	}
	return nil
}

// parseValues returns the first document of a values file, which is what Helm reads.
func parseValues(src *lint.Source) *lint.Node {
	docs, _ := lint.ParseDocuments(src)
	if len(docs) == 0 {
		return lint.NewNode(&kyaml.Node{Kind: kyaml.MappingNode})
	}
	return docs[0].Root
}

// mergeMaps merges b over a as Helm merges values files.
func mergeMaps(a, b map[string]any) map[string]any {
	out := make(map[string]any, len(a)+len(b))
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		if over, ok := v.(map[string]any); ok {
			if under, ok := out[k].(map[string]any); ok {
				out[k] = mergeMaps(under, over)
				continue
			}
		}
		out[k] = v
	}
	return out
}

// describe records where the charts' own values stand. It must see the chart
// before its dependencies are processed, which renames and merges them.
func (s *valueStack) describe(t *tree, c *chart.Chart) {
	s.chart = t.chartLayer(c, lint.Span{}, 0)
}

func (t *tree) chartLayer(c *chart.Chart, at lint.Span, depth int) *chartLayer {
	l := &chartLayer{subs: map[string]*chartLayer{}, at: at}
	dir := t.dirOf(c)
	if f := t.named[dir+"values.yaml"]; f != nil && (dir != "" || c.IsRoot()) {
		l.own = f.values()
	}
	for _, sub := range c.Dependencies() {
		listed := false
		for _, d := range c.Metadata.Dependencies {
			if d == nil || d.Name != sub.Name() {
				continue
			}
			listed = true
			name := d.Name
			if d.Alias != "" {
				name = d.Alias
			}
			l.subs[name] = t.chartLayer(sub, t.dependencyLine(dir, name), depth+1)
			for _, rule := range d.ImportValues {
				switch rule := rule.(type) {
				case string:
					l.imports = append(l.imports, importRule{name, []string{"exports", rule}, nil})
				case map[string]any:
					child, parent := fmt.Sprint(rule["child"]), fmt.Sprint(rule["parent"])
					r := importRule{sub: name, child: strings.Split(child, ".")}
					if parent != "." {
						r.parent = strings.Split(parent, ".")
					}
					l.imports = append(l.imports, r)
				}
			}
		}
		if !listed {
			l.subs[sub.Name()] = t.chartLayer(sub, lint.Span{}, depth+1)
		}
	}
	return l
}

// find returns the places that set the value at a path of the root chart's
// values, the one that counts first.
func (s *valueStack) find(path []string) []valuePlace {
	var places []valuePlace
	asked := path
	add := func(l *valueLayer, path []string) {
		if l == nil {
			return
		}
		if p, ok := l.find(path); ok {
			p.path = asked
			places = append(places, p)
		}
	}
	// A global of a subchart is the parent's where the parent has it.
	c := s.chart
	for i, field := range path {
		if field == "global" && i > 0 {
			for up := 0; up < i; up++ {
				places = append(places, s.find(append(slices.Clone(path[:up]), path[i:]...))...)
			}
			break
		}
		if c = c.subs[field]; c == nil {
			break
		}
	}
	for _, l := range s.layers {
		add(l, path)
	}
	s.chart.defaults(path, add, 0)
	return places
}

// defaults calls add for the charts' own values at a path, the strongest first.
func (c *chartLayer) defaults(path []string, add func(*valueLayer, []string), depth int) {
	if depth > 20 {
		return
	}
	add(c.own, path)
	if len(path) > 0 && c.subs[path[0]] != nil {
		c.subs[path[0]].defaults(path[1:], add, depth+1)
	}
	for i := len(c.imports) - 1; i >= 0; i-- {
		r := c.imports[i]
		if len(path) >= len(r.parent) && slices.Equal(path[:len(r.parent)], r.parent) {
			from := append(append([]string{r.sub}, r.child...), path[len(r.parent):]...)
			if c.own == nil || !(valuePlaceExists(c.own, from)) {
				if sub := c.subs[r.sub]; sub != nil {
					sub.defaults(from[1:], add, depth+1)
				}
				continue
			}
			add(c.own, from)
		}
	}
}

func valuePlaceExists(l *valueLayer, path []string) bool {
	_, ok := l.find(path)
	return ok
}

// find returns where a layer sets the value at path. A null sets it, too: to nothing,
// whatever the weaker layers have.
func (l *valueLayer) find(path []string) (valuePlace, bool) {
	if l.root != nil {
		n := descend(l.root, path)
		return valuePlace{layer: l, node: n}, n.Exists()
	}
	var at any = l.data
	for _, field := range path {
		switch x := at.(type) {
		case map[string]any:
			v, ok := x[field]
			if !ok {
				return valuePlace{node: nowhere}, false
			}
			at = v
		case []any:
			i, err := strconv.Atoi(field)
			if err != nil || i < 0 || i >= len(x) {
				return valuePlace{node: nowhere}, false
			}
			at = x[i]
		default:
			return valuePlace{node: nowhere}, false
		}
	}
	var n kyaml.Node
	if n.Encode(at) != nil {
		return valuePlace{layer: l, node: nowhere}, true
	}
	return valuePlace{layer: l, node: lint.NewNode(&n)}, true
}

// descend follows keys and list indices.
func descend(n *lint.Node, path []string) *lint.Node {
	for _, field := range path {
		if n.IsSequence() {
			items := n.Items()
			i, err := strconv.Atoi(field)
			if err != nil || i < 0 || i >= len(items) {
				return n.Get("")
			}
			n = items[i]
			continue
		}
		n = n.Get(field)
	}
	return n
}

// called returns how the author writes the path of a value that some chart reads: a
// global of a subchart that the parent sets is global.host, not api.global.host.
func (s *valueStack) called(path string) string {
	fields := trace.Split(path)
	for n := len(fields); n > 0; n-- {
		if places := s.find(fields[:n]); len(places) > 0 {
			fields = append(slices.Clone(places[0].path), fields[n:]...)
			break
		}
	}
	return strings.Join(fields, ".")
}

// nearest returns the place of path in the values that the chart's author can
// edit, or of its nearest ancestor there, and how many fields are missing.
func (s *valueStack) nearest(path []string) (place valuePlace, missing int, ok bool) {
	for n := len(path); n > 0; n-- {
		for _, p := range s.find(path[:n]) {
			if !p.layer.vendored && (p.layer.root != nil || n == len(path) && p.layer.at.IsValid()) {
				return p, len(path) - n, true
			}
		}
	}
	return valuePlace{node: nowhere}, 0, false
}
