package fix

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/lint"
)

// A newFile is a file that is to be made, or the part of it that one rendering asks for.
type newFile struct {
	head    []string
	objects *part // a list
}

// A part is a node of a file that is to be made: a mapping, a list, or text.
type part struct {
	kind    yaml.Kind
	fields  []partField
	items   []*part
	text    string
	block   *block   // text of a template behind a key, instead of all else
	guards  []string // the conditions under which an item is there, from the outside in
	comment string
}

type partField struct {
	name   string
	value  *part
	guards []string
}

// A block is lines of a template below a key.
type block struct {
	lines  []string
	column int // of the key
}

// A language is how values are written in one place.
type language interface {
	// value writes what a node says, and returns the conditions under which that holds; where
	// it is not written in a way that can be taken over, it is an error.
	value(a lint.Affixed) (*part, []string, error)
	// written reports whether the author wrote a node, not what an object passed through.
	written(n *lint.Node) bool
	// conditions returns those under which an object is there.
	conditions(r *lint.Resource) ([]string, error)
	// name is how a comment names an object.
	name(r *lint.Resource) string
}

// drafted writes a draft in a language.
func drafted(d *lint.Draft, in language) (*newFile, error) {
	f := &newFile{head: d.Head, objects: &part{kind: yaml.SequenceNode}}
	for _, object := range d.Objects {
		value := withNamespace(object.Value, d.Namespace, in)
		item, err := shaped(lint.Item{Value: value, Of: object.Of, Comment: object.Comment}, nil, in)
		if err != nil {
			return nil, err
		}
		f.objects.items = append(f.objects.items, item)
	}
	return f, nil
}

// optional is a node of which the field is there under its own conditions.
type optional struct{ node *lint.Node }

// withNamespace adds the field that the objects around a draft have.
func withNamespace(object any, namespace *lint.Node, in language) any {
	fields, ok := object.(lint.Fields)
	if !ok || !in.written(namespace) {
		return object
	}
	fields = slices.Clone(fields)
	for i, f := range fields {
		if meta, ok := f.Value.(lint.Fields); ok && f.Name == "metadata" {
			fields[i].Value = append(slices.Clone(meta), lint.Field{Name: "namespace", Value: optional{namespace}})
		}
	}
	return fields
}

// shaped makes an item; around are the conditions under which what holds it is there.
func shaped(item lint.Item, around []string, in language) (*part, error) {
	var guards []string
	if item.Of != nil {
		conditions, err := in.conditions(item.Of)
		if err != nil {
			return nil, err
		}
		guards = lacking(conditions, around)
	}
	p, more, err := shape(item.Value, slices.Concat(around, guards), in)
	if err != nil {
		return nil, err
	}
	p.guards = slices.Concat(guards, more)
	switch {
	case item.Comment != "" && item.Of != nil:
		p.comment = in.name(item.Of) + ": " + item.Comment
	case item.Comment != "":
		p.comment = item.Comment
	}
	return p, nil
}

// lacking returns the conditions that are not known.
func lacking(conditions, known []string) []string {
	var rest []string
	for _, c := range conditions {
		if !slices.Contains(known, c) {
			rest = append(rest, c)
		}
	}
	return rest
}

// shape makes a value, and says under which further conditions it can be there.
func shape(v any, around []string, in language) (p *part, guards []string, err error) {
	switch v := v.(type) {
	case lint.Fields:
		p = &part{kind: yaml.MappingNode}
		for _, f := range v {
			value, more, err := shape(f.Value, slices.Concat(around, guards), in)
			if err != nil {
				return nil, nil, err
			}
			field := partField{name: f.Name, value: value}
			if _, ok := f.Value.(optional); ok {
				field.guards, more = more, nil
			}
			p.fields = append(p.fields, field)
			guards = append(guards, more...)
		}
		return p, guards, nil
	case []lint.Item:
		p, err = listed(v, around, in)
		return p, nil, err
	case lint.Some:
		if p, err = listed(v, around, in); err != nil {
			return nil, nil, err
		}
		if len(p.items) == 0 {
			return nil, nil, errors.New("a list that may not be empty is")
		}
		for _, item := range p.items {
			if !slices.Equal(item.guards, p.items[0].guards) {
				if slices.ContainsFunc(p.items, func(i *part) bool { return len(i.guards) == 0 }) {
					return p, nil, nil
				}
				return nil, nil, errors.New("a list of its policy could be empty with other values")
			}
		}
		guards = p.items[0].guards
		for _, item := range p.items {
			item.guards = nil
		}
		return p, guards, nil
	case *lint.Node:
		return ofNode(lint.Affixed{Node: v}, around, in)
	case optional:
		return ofNode(lint.Affixed{Node: v.node}, around, in)
	case lint.Affixed:
		return ofNode(v, around, in)
	}
	return scalar(valueNode(v)), nil, nil
}

func listed(items []lint.Item, around []string, in language) (*part, error) {
	p := &part{kind: yaml.SequenceNode}
	for _, item := range items {
		one, err := shaped(item, around, in)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(p.items, func(other *part) bool { return other.String() == one.String() }) {
			p.items = append(p.items, one)
		}
	}
	return p, nil
}

func ofNode(a lint.Affixed, around []string, in language) (*part, []string, error) {
	p, conditions, err := in.value(a)
	return p, lacking(conditions, around), err
}

func scalar(n *yaml.Node) *part { return &part{kind: yaml.ScalarNode, text: edit.Text(n)} }

// ofYAML makes a part of a node as it is.
func ofYAML(n *yaml.Node) *part {
	p := &part{kind: n.Kind}
	switch n.Kind {
	case yaml.MappingNode:
		for _, f := range lint.NewNode(n).Fields() {
			p.fields = append(p.fields, partField{name: f.Name(), value: ofYAML(f.YAML())})
		}
	case yaml.SequenceNode:
		for _, item := range lint.NewNode(n).Items() {
			p.items = append(p.items, ofYAML(item.YAML()))
		}
	default:
		return scalar(n)
	}
	return p
}

// join adds what another rendering asks for.
func (f *newFile) join(g *newFile) error {
	for _, line := range g.head {
		if !slices.Contains(f.head, line) {
			f.head = append(f.head[:len(f.head):len(f.head)], line)
		}
	}
	joined, err := joined(f.objects, g.objects)
	f.objects = joined
	return err
}

var errUnequal = errors.New("renderings ask for different values in one file")

// joined returns a part that has the items of both.
func joined(a, b *part) (*part, error) {
	if a.kind != b.kind || !slices.Equal(a.guards, b.guards) || a.text != b.text || (a.block == nil) != (b.block == nil) {
		return nil, errUnequal
	}
	both := *a
	switch {
	case a.block != nil:
		if !slices.Equal(a.block.lines, b.block.lines) || a.block.column != b.block.column {
			return nil, errUnequal
		}
	case a.kind == yaml.MappingNode:
		both.fields = slices.Clone(a.fields)
		for _, f := range b.fields {
			at := slices.IndexFunc(both.fields, func(g partField) bool { return g.name == f.name })
			if at < 0 {
				both.fields = append(both.fields, f)
				continue
			}
			value, err := joined(both.fields[at].value, f.value)
			if err == nil && !slices.Equal(both.fields[at].guards, f.guards) {
				err = errUnequal
			}
			if err != nil {
				return nil, err
			}
			both.fields[at].value = value
		}
	case a.kind == yaml.SequenceNode:
		both.items = slices.Clone(a.items)
		for _, item := range b.items {
			at := slices.IndexFunc(both.items, func(other *part) bool { return other.id() == item.id() })
			if at < 0 {
				both.items = append(both.items, item)
				continue
			}
			if one, err := joined(both.items[at], item); err == nil {
				both.items[at] = one
			} else if both.items[at].String() != item.String() {
				both.items = append(both.items, item)
			}
		}
	}
	return &both, nil
}

// id is the same for objects of one name, and for other items that say the same.
func (p *part) id() string {
	var kind, name string
	for _, f := range p.fields {
		switch f.name {
		case "kind":
			kind = f.value.text
		case "metadata":
			for _, g := range f.value.fields {
				if g.name == "name" {
					name = g.value.text
				}
			}
		}
	}
	if name != "" {
		return kind + " " + name
	}
	return p.String()
}

// String writes a part as the one item of a list.
func (p *part) String() string {
	var lines []string
	(&part{kind: yaml.SequenceNode, items: []*part{p}}).list(&lines, 0)
	return strings.Join(lines, "\n")
}

// text writes the file.
func (f *newFile) text() []byte {
	var lines []string
	for _, line := range f.head {
		lines = append(lines, "# "+line)
	}
	for i, object := range f.objects.items {
		if i > 0 {
			lines = append(lines, "---")
		}
		for _, c := range object.guards {
			lines = append(lines, "{{- if "+c+" }}")
		}
		object.entries(&lines, 0)
		for range object.guards {
			lines = append(lines, "{{- end }}")
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

const step = 2

func at(column int) string { return strings.Repeat(" ", column) }

// entries writes the fields of a mapping.
func (p *part) entries(lines *[]string, column int) {
	for _, f := range p.fields {
		for _, c := range f.guards {
			*lines = append(*lines, at(column)+"{{- if "+c+" }}")
		}
		f.value.behind(lines, column, at(column)+edit.Key(f.name)+":")
		for range f.guards {
			*lines = append(*lines, at(column)+"{{- end }}")
		}
	}
}

// behind writes a value behind its key, or a dash.
func (p *part) behind(lines *[]string, column int, head string) {
	switch {
	case p.block != nil:
		*lines = append(*lines, head)
		*lines = append(*lines, p.block.under(column)...)
	case p.kind == yaml.MappingNode && len(p.fields) > 0:
		*lines = append(*lines, head)
		p.entries(lines, column+step)
	case p.kind == yaml.MappingNode:
		*lines = append(*lines, head+" {}")
	case p.kind == yaml.SequenceNode && len(p.items) > 0:
		*lines = append(*lines, head)
		p.list(lines, column+step)
	case p.kind == yaml.SequenceNode:
		*lines = append(*lines, head+" []")
	default:
		*lines = append(*lines, head+" "+p.text)
	}
}

// list writes the items of a list, those with the same conditions under one.
func (p *part) list(lines *[]string, column int) {
	var open []string
	turn := func(guards []string) {
		if slices.Equal(open, guards) {
			return
		}
		for range open {
			*lines = append(*lines, at(column)+"{{- end }}")
		}
		for _, c := range guards {
			*lines = append(*lines, at(column)+"{{- if "+c+" }}")
		}
		open = guards
	}
	for _, item := range p.items {
		turn(item.guards)
		if item.comment != "" {
			*lines = append(*lines, at(column)+"# "+item.comment)
		}
		if item.kind == yaml.ScalarNode {
			*lines = append(*lines, at(column)+"- "+item.text)
			continue
		}
		first := len(*lines)
		item.entries(lines, column+step)
		(*lines)[first] = at(column) + "- " + (*lines)[first][column+step:]
	}
	turn(nil)
}

var indenting = regexp.MustCompile(`\b(n?indent)(\s+)(\d+)`)

// under writes lines of a template below a key at another column.
func (b *block) under(column int) []string {
	move := column - b.column
	var lines []string
	for _, line := range b.lines {
		text := strings.TrimLeft(line, " ")
		indent := max(0, len(line)-len(text)+move)
		lines = append(lines, at(indent)+indenting.ReplaceAllStringFunc(text, func(call string) string {
			m := indenting.FindStringSubmatch(call)
			n, _ := strconv.Atoi(m[3])
			return m[1] + m[2] + strconv.Itoa(max(0, n+move))
		}))
	}
	return lines
}

// asIs writes what nodes say where manifests are no templates.
type asIs struct {
	// raw returns what a node was in the author's file, and whether that is known; nil for
	// what it is now.
	raw func(*lint.Node) (*lint.Node, bool)
}

func (a asIs) of(n *lint.Node) *lint.Node {
	if a.raw != nil {
		if r, _ := a.raw(n); r.Exists() {
			return r
		}
	}
	return n
}

func (a asIs) written(n *lint.Node) bool {
	if a.raw != nil {
		if r, known := a.raw(n); known {
			return r.Exists()
		}
	}
	return n.Exists()
}

func (a asIs) value(v lint.Affixed) (*part, []string, error) {
	n := a.of(v.Node)
	if v.Before+v.After != "" {
		return scalar(valueNode(v.Before + n.Value() + v.After)), nil, nil
	}
	if n.IsMapping() {
		if _, lost := labelChanges(n, v.Node); lost {
			return nil, nil, errors.New("its labels are replaced by what is built of them")
		}
	}
	return ofYAML(n.YAML()), nil, nil
}

func (asIs) conditions(*lint.Resource) ([]string, error) { return nil, nil }

func (a asIs) name(r *lint.Resource) string {
	return fmt.Sprintf("%s %q", r.Kind, a.of(r.Get("metadata", "name")).Value())
}

// labelChanges reports whether labels of one mapping are further ones of another, and whether some
// are not there as they were.
func labelChanges(before, after *lint.Node) (gained, lost bool) {
	old, now := before.StringMap(), after.StringMap()
	for key, value := range old {
		if got, there := now[key]; !there || got != value {
			lost = true
		}
	}
	for key := range now {
		if _, there := old[key]; !there {
			gained = true
		}
	}
	return gained, lost
}

// A drafting is what a rendering is to have once a draft is written.
type drafting struct {
	kind, namespace string
	spec            string // its leaves
}

// intendDraft takes down what a draft adds to a rendering.
func (s *Session) intendDraft(rendering lint.Rendering, d *lint.Draft) {
	for _, object := range d.Objects {
		tree := plainTree(object.Value)
		n := lint.NewNode(tree)
		s.mu.Lock()
		s.drafts[rendering] = append(s.drafts[rendering], drafting{n.Get("kind").Value(), d.Namespace.Resource().Namespace, specOf(flat(tree))})
		s.mu.Unlock()
	}
}

// plainTree returns a value of a draft as it is in its rendering.
func plainTree(v any) *yaml.Node {
	switch v := v.(type) {
	case lint.Fields:
		m := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range v {
			m.Content = append(m.Content, valueNode(f.Name), plainTree(f.Value))
		}
		return m
	case []lint.Item:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			list.Content = append(list.Content, plainTree(item.Value))
		}
		return list
	case lint.Some:
		return plainTree([]lint.Item(v))
	case *lint.Node:
		return v.YAML()
	case lint.Affixed:
		if v.Before+v.After == "" {
			return v.Node.YAML()
		}
		return valueNode(v.Before + v.Node.Value() + v.After)
	}
	return valueNode(v)
}

// specOf returns what an object's spec says, of the leaves that flat wrote: in whatever order
// its lists have it, and how often. A list without an item is none.
func specOf(text string) string {
	spec := &branch{}
	for path, value := range unflat(text) {
		if value == "[]" || strings.HasPrefix(value, "!!null") || path != "spec" && !strings.HasPrefix(path, "spec"+separator) {
			continue
		}
		b := spec
		for field := range strings.SplitSeq(path, separator) {
			b = b.at(field)
		}
		b.leaf = value
	}
	return spec.String()
}

// A branch is a node of a tree that is made of its leaves again.
type branch struct {
	leaf  string
	below map[string]*branch
}

func (b *branch) at(field string) *branch {
	if b.below == nil {
		b.below = map[string]*branch{}
	}
	if b.below[field] == nil {
		b.below[field] = &branch{}
	}
	return b.below[field]
}

func (b *branch) String() string {
	var all []string
	for field, below := range b.below {
		if _, err := strconv.Atoi(field); err == nil { // an item of a list
			field = "-"
		}
		all = append(all, field+" "+below.String())
	}
	slices.Sort(all)
	return fmt.Sprintf("%q%q", b.leaf, slices.Compact(all))
}

// wanted reports whether some remedy asks that a rendering has an object.
func (s *Session) wanted(r lint.Rendering, key, text string) bool {
	parts := strings.Split(key, "\x00")
	return slices.Contains(s.drafts[r], drafting{parts[0], parts[1], specOf(text)})
}

// draftChoices returns the ways to write drafts: for each place, the best first, each of them.
func (w *finder) draftChoices(remedy *lint.Remedy) []choice {
	var all []choice
	for _, place := range w.draftPlaces(remedy.Draft) {
		number := 0
		for r := remedy; r != nil; r = r.Or {
			if r.Draft == nil || number > 0 && !place.labelled {
				continue
			}
			number++
			file, err := drafted(r.Draft, place.in)
			if err != nil {
				w.notes = append(w.notes, err.Error())
				continue
			}
			if len(all) < maxChoices {
				edits := append([]fileEdit{{path: place.path, create: file}}, place.more...)
				all = append(all, choice{edits: edits, id: fmt.Sprintf("new %s %s %d", place.path, place.how, number)})
			}
		}
	}
	return all
}

// A draftPlace is where a draft can be written.
type draftPlace struct {
	path string
	how  string
	in   language
	more []fileEdit // of other files, for it to be read
	// labelled says that what is written there may be given further labels, and selectors with it.
	labelled bool
}

func (w *finder) draftPlaces(d *lint.Draft) []draftPlace {
	switch w.pass.Bundle.Rendering.Kind {
	case "helm":
		return w.inTemplates(d)
	case "kustomize":
		return w.besideKustomization(d)
	}
	src := d.Namespace.Resource().Source()
	if src == nil || src.File == "" {
		return nil
	}
	path, ok := w.free(filepath.Dir(src.File), d, asIs{})
	if !ok {
		return nil
	}
	return []draftPlace{{path: path, in: asIs{}}}
}

var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// free returns a path that is not taken, in a directory in which a file may be made.
func (w *finder) free(dir string, d *lint.Draft, in language) (string, bool) {
	name, dir := d.File, w.s.real(dir)
	if d.Several {
		if in.written(d.Namespace) {
			if p, _, err := in.value(lint.Affixed{Node: d.Namespace}); err == nil && plainName.MatchString(p.text) {
				name += "-" + p.text
			}
		}
	}
	for n := 1; n < 100; n++ {
		path := filepath.Join(dir, name+".yaml")
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d.yaml", name, n))
		}
		if _, err := w.s.tree.Lstat(path); err == nil {
			if text, err := w.s.tree.ReadFile(path); err == nil && len(d.Head) > 0 && bytes.HasPrefix(text, []byte("# "+d.Head[0]+"\n")) {
				w.notes = append(w.notes, w.s.tree.Display(path)+" is such a file, made for other workloads; complete it by hand")
				return "", false // another with objects of the same names would replace them
			}
			continue
		}
		if why := w.s.refusedNew(path); why != "" {
			w.notes = append(w.notes, w.s.tree.Display(path)+", which would be made, "+why)
			return "", false
		}
		return path, true
	}
	return "", false
}

// about returns the objects that a draft takes something of.
func about(d *lint.Draft) []*lint.Resource {
	var all []*lint.Resource
	add := func(r *lint.Resource) {
		if r != nil && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case lint.Fields:
			for _, f := range v {
				visit(f.Value)
			}
		case []lint.Item:
			for _, item := range v {
				add(item.Of)
				visit(item.Value)
			}
		case lint.Some:
			visit([]lint.Item(v))
		case *lint.Node:
			add(v.Resource())
		case lint.Affixed:
			add(v.Node.Resource())
		}
	}
	add(d.Namespace.Resource())
	visit(d.Objects)
	for _, r := range d.About {
		add(r)
	}
	return all
}

// besideKustomization returns places beside the kustomization that all objects of a draft come
// from, and beside that which is built.
func (w *finder) besideKustomization(d *lint.Draft) []draftPlace {
	labelled := slices.ContainsFunc(about(d), func(r *lint.Resource) bool {
		labels := r.Get("metadata", "labels")
		before, known := w.raw(labels)
		gained, _ := labelChanges(before, labels)
		return gained || !known
	})
	var all []draftPlace
	add := func(kustomization, how string, in language) {
		src, err := w.s.tree.Open(kustomization)
		if err != nil || !w.mayEdit(src) {
			return
		}
		path, ok := w.free(filepath.Dir(kustomization), d, in)
		if !ok {
			return
		}
		entry := &edit.Op{Kind: edit.Add, Fields: []string{"resources"}, Value: valueNode(filepath.Base(path))}
		all = append(all, draftPlace{path: path, how: how, in: in, more: []fileEdit{{path: w.s.real(kustomization), op: entry}}, labelled: labelled})
	}
	raw, now := asIs{raw: w.raw}, asIs{}
	root := w.s.kustomizationIn(w.s.tree.Abs(w.pass.Bundle.Rendering.Root))
	if base := w.baseOf(about(d)); base != "" && base != root {
		add(base, "raw", raw)
		add(base, "built", now)
	}
	if root != "" {
		add(root, "raw", raw)
		add(root, "built", now)
	}
	return all
}

// baseOf returns the nearest kustomization above the files of objects that is built with them.
func (w *finder) baseOf(objects []*lint.Resource) string {
	dir := ""
	for _, r := range objects {
		src := r.Get("kind").Locate().Span.Start.Source
		if src == nil || src.File == "" {
			return ""
		}
		own := filepath.Dir(src.File)
		if dir == "" {
			dir = own
		}
		for dir != own && !strings.HasPrefix(own, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator)) {
			dir = filepath.Dir(dir)
		}
	}
	for dir != "" {
		if at := w.s.kustomizationIn(dir); at != "" && w.s.built(w.pass.Bundle.Rendering, at) {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}

// raw returns what a node is in the file that its object comes from, and whether that is known.
func (w *finder) raw(n *lint.Node) (*lint.Node, bool) {
	none := lint.NewNode(nil)
	at := n.Resource().Get("kind").KeyNode().Locate()
	src := at.Span.Start.Source
	if src == nil || src.File == "" || at.Precision != lint.Exact {
		return none, false
	}
	f := w.s.parsed(src)
	if f == nil {
		return none, false
	}
	place, ok := f.Key(at.Span.Start.Offset)
	if !ok {
		return none, false
	}
	place, _ = place.Up()
	found := lint.NewNode(f.Node(place))
	var path []*lint.Node
	for ; n.Parent() != nil; n = n.Parent() {
		path = append(path, n)
	}
	for _, step := range slices.Backward(path) {
		if step.Index() < 0 {
			found = found.Get(step.Name())
			continue
		}
		items := found.Items()
		if step.Index() >= len(items) {
			return none, true
		}
		found = items[step.Index()]
	}
	return found, true
}
