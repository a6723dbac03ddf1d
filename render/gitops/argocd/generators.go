package argocd

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
)

// maxApplications bounds what one ApplicationSet generates, and what each of its generators
// does.
const maxApplications = 1000

// maxNested is how deep generators may be nested: Argo CD has a matrix or a merge in another.
const maxNested = 5

// elsewhere are the generators that ask a cluster, and what they ask.
var elsewhere = map[string]string{
	"clusters": "the clusters that Argo CD knows", "scmProvider": "the repositories of a host", "pullRequest": "the pull requests of a host",
	"plugin": "a service", "clusterDecisionResource": "an object of the cluster", "clusterProfiles": "the clusters of an inventory",
}

// generate returns the parameters of a generator; outer are those of the generator in front of
// it in a matrix, nil where there is none.
func (s *set) generate(n *lint.Node, outer *params, depth int) []*params {
	if depth > maxNested {
		s.fail(n, "generators are nested more than %d deep", maxNested)
		return nil
	}
	if s.ended() != nil { // which Generated says
		return nil
	}
	if outer != nil {
		n = s.interpolated(n, outer)
	}
	var all []*params
	for _, f := range n.Fields() {
		switch kind := f.Name(); kind {
		case "selector", "template":
		case "list":
			all = append(all, s.list(f)...)
		case "git":
			all = append(all, s.git(f)...)
		case "matrix":
			all = append(all, s.matrix(f, depth)...)
		case "merge":
			all = append(all, s.mergeOf(f, depth)...)
		default:
			all = append(all, s.unknown(f, elsewhere[kind])...)
		}
	}
	if selector := n.Get("selector"); selector.IsMapping() {
		all = slices.DeleteFunc(all, func(p *params) bool { return !selects(selector, p) })
	}
	if len(all) > maxApplications {
		s.full(n)
		all = all[:maxApplications]
	}
	return all
}

// interpolated returns a generator with the parameters of the one in front of it. Its values
// and its template wait for its own.
func (s *set) interpolated(n *lint.Node, outer *params) *lint.Node {
	g := &grown{templater: s.templater, params: outer, places: locator{}}
	later := func(name string) bool { return name == "values" || name == "template" || name == "selector" }
	strip := func(n *lint.Node) *kyaml.Node {
		c := *n.YAML()
		c.Content = nil
		for i := 0; i+1 < len(n.YAML().Content); i += 2 {
			if !later(n.YAML().Content[i].Value) {
				c.Content = append(c.Content, n.YAML().Content[i], n.YAML().Content[i+1])
			}
		}
		return &c
	}
	root := &kyaml.Node{Kind: kyaml.MappingNode}
	for _, f := range n.Fields() {
		if f.Name() == "matrix" || f.Name() == "merge" || later(f.Name()) || !f.IsMapping() {
			root.Content = append(root.Content, f.Key(), f.YAML()) // which interpolates its own
			s.keep(g.places, f)
			continue
		}
		// what is left out of a copy keeps the places of the original
		inner := &grown{templater: s.templater, params: outer, places: g.places}
		stripped := placedAs(strip(f), f)
		tree := inner.grow(stripped)
		s.errs(inner)
		s.leftOut(inner)
		if tree == nil {
			continue
		}
		for i := 0; i+1 < len(f.YAML().Content); i += 2 {
			if later(f.YAML().Content[i].Value) {
				tree.Content = append(tree.Content, f.YAML().Content[i], f.YAML().Content[i+1])
			}
		}
		for _, own := range f.Fields() {
			if later(own.Name()) {
				s.keep(g.places, own)
			}
		}
		g.places[tree] = f.Locate()
		root.Content = append(root.Content, f.Key(), tree)
	}
	g.places[root] = n.Locate()
	return g.nodeOf(root)
}

// placedAs returns a shallow copy of a node of an object as a node with the same places.
func placedAs(y *kyaml.Node, of *lint.Node) *lint.Node {
	places := locator{y: of.Locate()}
	var add func(n *lint.Node)
	add = func(n *lint.Node) {
		places[n.YAML()] = n.Locate()
		for _, c := range slices.Concat(n.Items(), n.Fields()) {
			add(c)
		}
	}
	for _, f := range of.Fields() {
		add(f)
	}
	return (&grown{places: places}).nodeOf(y)
}

// keep takes the places of a tree over.
func (s *set) keep(places locator, n *lint.Node) {
	places[n.YAML()] = n.Locate()
	for _, c := range slices.Concat(n.Items(), n.Fields()) {
		s.keep(places, c)
	}
}

// unknown says that a generator cannot be judged, and returns parameters of which only its
// values are known.
func (s *set) unknown(n *lint.Node, asks string) []*params {
	if asks == "" {
		s.note(n.KeyNode(), "", "the generator %q is not known and not judged; what it makes is rendered as far as it depends on none of its parameters", n.Name())
	} else {
		s.note(n.KeyNode(), "", "the generator %s asks %s and is not judged, manilint works offline; what it makes is rendered as far as it depends on none of its parameters", n.Name(), asks)
	}
	p := newParams()
	p.open = true
	s.values(p, n)
	return []*params{p}
}

// values adds the values of a generator, which may be templates of its other parameters.
func (s *set) values(p *params, n *lint.Node) {
	values := n.Get("values")
	if !values.IsMapping() {
		return
	}
	g := &grown{templater: s.templater, params: p, places: locator{}}
	tree := g.grow(values)
	s.errs(g)
	s.leftOut(g)
	if tree == nil {
		return
	}
	for _, f := range g.nodeOf(tree).Fields() {
		if s.goTemplate {
			p.set(f.Value(), f.Locate().Span, "values", f.Name())
		} else {
			p.set(f.Value(), f.Locate().Span, "values."+f.Name())
		}
	}
}

// hold counts the parameters of an Application. It returns why no more are made.
func (s *set) hold(p *params) error {
	s.held += len(p.places)
	return s.ended()
}

func located(n *lint.Node) lint.Span { return n.Locate().Span }

// list returns the parameters of a list generator.
func (s *set) list(n *lint.Node) []*params {
	var all []*params
	for _, e := range n.Get("elements").Items() {
		p := newParams()
		p.read(e, s.goTemplate, located)
		if all = append(all, p); s.hold(p) != nil {
			return all
		}
	}
	text := n.Get("elementsYaml")
	if text.Value() == "" {
		return all
	}
	docs, errs := lint.ParseYAML(lint.NewSource("", []byte(text.Value())))
	if len(errs) > 0 || len(docs) == 0 || !lint.NewNode(docs[0]).IsSequence() {
		s.fail(text, "elementsYaml is not a list of elements")
		return all
	}
	at := located(text)
	for _, e := range lint.NewNode(docs[0]).Items() {
		p := newParams()
		p.read(e, s.goTemplate, func(*lint.Node) lint.Span { return at })
		if all = append(all, p); s.hold(p) != nil {
			break
		}
	}
	return all
}

// git returns the parameters of a git generator of this repository.
func (s *set) git(n *lint.Node) []*params {
	repository := n.Get("repoURL")
	if s.checkout.Is(repository.Value()) == source.No {
		s.note(repository, repository.Value(), "the generator git reads another repository, %q, and is not judged; what it makes is rendered as far as it depends on none of its parameters", repository.Value())
		p := newParams()
		p.open = true
		return []*params{p}
	}
	var all []*params
	if directories := n.Get("directories"); len(directories.Items()) > 0 {
		all = s.directories(n, directories)
	} else {
		all = s.files(n, n.Get("files"))
	}
	for _, p := range all {
		s.values(p, n)
	}
	return all
}

// prefixed sets the parameter path of a generator, and what is a part of it.
func (s *set) prefixed(p *params, n *lint.Node, at lint.Span, dir, file string) {
	prefix := n.Get("pathParamPrefix").Value()
	parts := map[string]string{"path": dir, "basename": path.Base(dir), "basenameNormalized": normalize(path.Base(dir))}
	if file != "" {
		parts["filename"], parts["filenameNormalized"] = file, normalize(file)
	}
	segments := strings.Split(dir, "/")
	if !s.goTemplate {
		name := "path"
		if prefix != "" {
			name = prefix + ".path"
		}
		for k, v := range parts {
			if k == "path" {
				p.set(v, at, name)
			} else {
				p.set(v, at, name+"."+k)
			}
		}
		for i, segment := range segments {
			p.set(segment, at, name+"["+strconv.Itoa(i)+"]")
		}
		return
	}
	own := map[string]any{}
	for k, v := range parts {
		own[k] = v
	}
	list := make([]any, len(segments))
	for i, segment := range segments {
		list[i] = segment
	}
	own["segments"] = list
	if prefix != "" {
		p.set(own, at, prefix, "path")
	} else {
		p.set(own, at, "path")
	}
}

// directories returns parameters for the directories of the tree that patterns match:
// https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators-Git/
func (s *set) directories(n, list *lint.Node) []*params {
	deepest := 0
	for _, d := range list.Items() {
		pattern := d.Get("path").Value()
		if _, err := path.Match(pattern, ""); err != nil {
			s.fail(d.Get("path"), "%q is not a pattern: a [ is not closed", pattern)
		}
		deepest = max(deepest, strings.Count(pattern, "/")+1)
	}
	for _, base := range s.checkout.Bases(located(n)) {
		var all []*params
		if !s.checkout.Files.IsDir(base) {
			continue
		}
		s.checkout.Walk(base, func(at string, isDir bool) bool {
			rel, err := filepath.Rel(base, at)
			if err != nil || !isDir || strings.HasPrefix(filepath.Base(at), ".") {
				return false
			}
			rel = filepath.ToSlash(rel)
			var by *lint.Node
			for _, d := range list.Items() {
				if matched, err := path.Match(strings.TrimSuffix(d.Get("path").Value(), "/"), rel); err != nil || !matched {
					continue
				}
				if d.Get("exclude").IsTrue() {
					by = nil
					break
				}
				if by == nil {
					by = d.Get("path")
				}
			}
			if by != nil && len(all) <= maxApplications {
				p := newParams()
				s.prefixed(p, n, located(by), rel, "")
				all = append(all, p)
			}
			return strings.Count(rel, "/")+1 < deepest
		})
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// files returns parameters for the files of the tree that patterns match, of what they hold.
func (s *set) files(n, list *lint.Node) []*params {
	for _, base := range s.checkout.Bases(located(n)) {
		if !s.checkout.Files.IsDir(base) {
			continue
		}
		found := map[string]bool{}
		for _, exclude := range []bool{false, true} {
			for _, f := range list.Items() {
				if f.Get("exclude").IsTrue() != exclude {
					continue
				}
				paths, err := s.checkout.Match(base, strings.TrimPrefix(f.Get("path").Value(), "/"), source.Pathspec)
				if err != nil {
					s.fail(f.Get("path"), "%q is not a pattern: %v", f.Get("path").Value(), err)
				}
				for _, at := range paths {
					found[at] = !exclude
				}
			}
		}
		var paths []string
		for at, in := range found {
			if in {
				paths = append(paths, at)
			}
		}
		slices.Sort(paths)
		var all []*params
		for _, at := range paths {
			if len(all) > maxApplications {
				break
			}
			rel, err := filepath.Rel(base, at)
			if err != nil {
				continue
			}
			rel = filepath.ToSlash(rel)
			for _, p := range s.file(at) {
				s.prefixed(p, n, located(list), path.Dir(rel), path.Base(rel))
				if all = append(all, p); s.hold(p) != nil {
					return all
				}
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// file reads the parameters of a file: a mapping, or a list of them.
func (s *set) file(at string) []*params {
	src, err := s.checkout.Files.Open(at)
	if err != nil {
		s.out.Errors = append(s.out.Errors, &lint.InputError{Message: s.by + ": " + s.checkout.Files.Display(at) + " cannot be read: " + bare(err)})
		return nil
	}
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 {
		s.out.Errors = append(s.out.Errors, errs...)
		return nil
	}
	place := func(n *lint.Node) lint.Span { return lint.NodeSpan(src, n.YAML()) }
	if len(docs) == 0 { // its path is a parameter
		p := newParams()
		p.from[at] = true
		return []*params{p}
	}
	root := lint.NewNode(docs[0])
	nodes := []*lint.Node{root}
	if root.IsSequence() {
		nodes = root.Items()
	}
	var all []*params
	for _, n := range nodes {
		p := newParams()
		p.read(n, s.goTemplate, place)
		p.from[at] = true
		all = append(all, p)
	}
	return all
}

// bare returns what is wrong with a file, without its path.
func bare(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// matrix returns each parameter set of one generator with each of the next.
func (s *set) matrix(n *lint.Node, depth int) []*params {
	generators := n.Get("generators").Items()
	if len(generators) < 2 {
		s.fail(n.KeyNode(), "a matrix needs two generators")
		return nil
	}
	all := s.generate(generators[0], nil, depth+1)
	for _, g := range generators[1:] {
		var next []*params
		for _, before := range all {
			for _, p := range s.generate(g, before, depth+1) {
				both := before.clone()
				both.merge(p)
				if next = append(next, both); s.hold(both) != nil {
					return next
				}
			}
			if len(next) > maxApplications {
				s.full(n)
				next = next[:maxApplications]
				break
			}
		}
		all = next
	}
	return all
}

// mergeOf returns the parameter sets of the first generator with those of the others that
// have the same merge keys.
func (s *set) mergeOf(n *lint.Node, depth int) []*params {
	generators, keys := n.Get("generators").Items(), n.Get("mergeKeys").Strings()
	if len(generators) < 2 || len(keys) == 0 {
		s.fail(n.KeyNode(), "a merge needs two generators and a merge key")
		return nil
	}
	identity := func(p *params) string {
		var id strings.Builder
		for _, k := range keys {
			fmt.Fprintf(&id, "%q ", fmt.Sprint(p.data[k]))
		}
		return id.String()
	}
	base := s.generate(generators[0], nil, depth+1)
	for _, g := range generators[1:] {
		over := map[string]*params{}
		open := false
		for _, p := range s.generate(g, nil, depth+1) {
			if p.open {
				open = true // which of them it goes over, nobody knows here
				continue
			}
			over[identity(p)] = p
		}
		for _, p := range base {
			p.open = p.open || open
			if more := over[identity(p)]; more != nil {
				p.merge(more)
			}
		}
	}
	return base
}

var missingKeys = lint.Regexp(`^missingkey=(default|invalid|zero|error)$`)
