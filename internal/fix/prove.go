package fix

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
)

// work is one call of [Session.Fix].
type work struct {
	s     *Session
	ctx   context.Context
	level Level

	accepted map[*proposal]bool
	edited   map[string][]byte // with all that was accepted
	state    *state            // rendered with it
	proofs   int
	err      error
}

// A task is what is tried at once: proposals that are one edit.
type task struct {
	id        string
	proposals []*proposal
}

// edits returns what the task edits: of a file that is to be made each rendering may ask for
// a part.
func (t *task) edits() []fileEdit {
	all := t.proposals[0].choice().edits
	for _, p := range t.proposals[1:] {
		if all[0].create != nil {
			all = append(all[:len(all):len(all)], p.choice().edits...)
		}
	}
	return all
}

func (p *proposal) choice() choice { return p.choices[p.next] }

// maxProofs bounds how often a tree is rendered to find out which edits fail.
const maxProofs = 60

// settle finds the choice of each proposal that can be proven together with the others.
func (w *work) settle(open []*proposal) {
	w.accepted = map[*proposal]bool{}
	var kept []*task
	for len(open) > 0 && w.err == nil && w.ctx.Err() == nil {
		byID := map[string]*task{}
		var batch []*task
		open = slices.DeleteFunc(open, func(p *proposal) bool { return w.covered(p, kept) })
		for _, p := range open {
			id := p.choices[p.next].id
			t := byID[id]
			if t == nil {
				t = &task{id: id}
				byID[id] = t
				batch = append(batch, t)
			}
			t.proposals = append(t.proposals, p)
		}
		var failed []*task
		now, later := w.s.inTurn(batch)
		kept, failed = w.search(kept, now)
		open = nil
		for _, t := range later {
			open = append(open, t.proposals...)
		}
		for _, t := range failed {
			for _, p := range t.proposals {
				if p.next++; p.next < len(p.choices) {
					open = append(open, p)
				}
			}
		}
	}
	for _, t := range kept {
		for _, p := range t.proposals {
			w.accepted[p] = true
		}
	}
}

// inTurn leaves tasks for later that make a file of a name in an overlay of which a base may get
// one of that name: it may serve the overlay, and both hold the same objects.
func (s *Session) inTurn(batch []*task) (now, later []*task) {
	serves := func(t, u *task) bool { // the file of t is built with what u is about
		a, b := t.edits()[0], u.edits()[0]
		if t == u || a.create == nil || b.create == nil || a.path == b.path || filepath.Base(a.path) != filepath.Base(b.path) {
			return false
		}
		at := s.kustomizationIn(filepath.Dir(a.path))
		return at != "" && slices.ContainsFunc(u.proposals, func(p *proposal) bool { return s.built(p.rendering, at) })
	}
	for _, u := range batch {
		if slices.ContainsFunc(batch, func(t *task) bool { return serves(t, u) && !serves(u, t) }) {
			later = append(later, u)
		} else {
			now = append(now, u)
		}
	}
	if len(now) == 0 {
		return batch, nil
	}
	return now, later
}

// covered reports whether a finding is gone with a file that is made for others, and counts it
// to these.
func (w *work) covered(p *proposal, kept []*task) bool {
	if w.state == nil || p.hygiene != "" || p.choice().edits[0].create == nil {
		return false
	}
	for _, g := range w.state.groups {
		for _, f := range g.families {
			if f.shown[p.rendering] == nil || f.shown[p.rendering].findings[p.key] > 0 {
				continue
			}
			for _, t := range kept {
				if e := t.edits()[0]; e.create != nil && f.inputs[e.path] {
					p.choices = append(p.choices[:p.next:p.next], t.proposals[0].choice())
					t.proposals = append(t.proposals, p)
					return true
				}
			}
		}
	}
	return false
}

// search splits a batch into what can be proven together with what is kept, and the rest.
func (w *work) search(kept, batch []*task) (proven, failed []*task) {
	if len(batch) == 0 || w.err != nil {
		return kept, nil
	}
	if w.proofs > maxProofs {
		w.giveUp(batch, func(*proposal) string { return "too many fixes of this run failed together; fix fewer paths at once" })
		return kept, batch
	}
	var v *verdict
	if !w.s.Late() {
		v = w.prove(kept, batch)
	}
	switch {
	case v == nil || v.late:
		w.giveUp(batch, func(p *proposal) string {
			return "no time was left to prove it; fix it by itself (--only " + p.rule + ") or name fewer paths"
		})
		return kept, batch
	case v.ok:
		w.edited, w.state = v.files, v.state
		return slices.Concat(kept, batch), nil
	}
	if len(batch) == 1 {
		batch[0].fail(w.because(v, batch[0]))
		return kept, batch
	}
	var blamed, rest []*task
	for _, t := range batch {
		if reason, ok := v.blames[t]; ok {
			t.fail(reason)
			blamed = append(blamed, t)
		} else {
			rest = append(rest, t)
		}
	}
	if len(blamed) == 0 || len(rest) == 0 {
		if v.sure && len(rest) == 0 { // each fails by itself
			return kept, blamed
		}
		first, second := halves(batch, file)
		if len(rest) == 0 { // most often it is the remedy of a rule that fails, in all objects
			if a, b := halves(batch, rule); rule(a[len(a)-1]) != rule(b[0]) {
				first, second = a, b
			}
		}
		kept, failed = w.search(kept, first)
		more := []*task(nil)
		kept, more = w.search(kept, second)
		return kept, append(failed, more...)
	}
	kept, failed = w.search(kept, rest)
	if v.sure {
		return kept, append(failed, blamed...)
	}
	var more []*task
	kept, more = w.search(kept, blamed)
	return kept, append(failed, more...)
}

// giveUp leaves tasks as they are, and their other choices with them.
func (w *work) giveUp(batch []*task, why func(*proposal) string) {
	for _, t := range batch {
		for _, p := range t.proposals {
			p.reason, p.next = why(p), len(p.choices)
		}
	}
}

// halves splits tasks in two: those of one key stay together where there are several keys.
func halves(batch []*task, key func(*task) string) (first, second []*task) {
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b *task) int { return strings.Compare(key(a), key(b)) })
	half := len(sorted) / 2
	for d := range half {
		for _, at := range []int{half - d, half + d} {
			if at < len(sorted) && key(sorted[at-1]) != key(sorted[at]) {
				return sorted[:at], sorted[at:]
			}
		}
	}
	return sorted[:half], sorted[half:]
}

// file is the key of tasks of which most fail together, and what reads the others is rendered
// once.
func file(t *task) string { return t.edits()[0].path }

func rule(t *task) string { return t.proposals[0].rule }

// because says why a task fails that is tried alone.
func (w *work) because(v *verdict, t *task) string {
	if reason := v.blames[t]; reason != "" {
		return reason
	}
	if v.problem != "" {
		return w.where(t) + " " + v.problem
	}
	return v.reason
}

func (t *task) fail(reason string) {
	for _, p := range t.proposals {
		if p.reason == "" || p.next == 0 {
			p.reason = reason
		}
	}
}

// A verdict says whether edits hold together.
type verdict struct {
	ok     bool
	late   bool // the time was used up before it was known
	reason string
	// problem is the first thing that is wrong, without the edit that is to blame; "" for
	// what is wrong with the edits themselves.
	problem string
	blames  map[*task]string
	sure    bool // the blamed ones fail whatever the others do
	files   map[string][]byte
	state   *state
}

// prove renders and checks the tree with the edits of a batch, and of what is kept: this holds
// without the batch, so what is wrong is blamed on the batch.
func (w *work) prove(kept, batch []*task) *verdict {
	tasks := slices.Concat(kept, batch)
	v := &verdict{blames: map[*task]string{}}
	w.proofs++
	var edits []fileEdit
	for _, t := range tasks {
		edits = append(edits, t.edits()...)
	}
	files, err := w.s.compile(edits)
	if err != nil {
		v.reason = err.Error()
		v.sure = true
		for _, t := range tasks {
			if _, err := w.s.compile(t.edits()); err != nil {
				v.blames[t] = err.Error()
			}
		}
		return v
	}
	v.files = files
	before := []earlier{{w.s.base, w.s.withDirs(slices.Collect(maps.Keys(files)))}}
	if w.state != nil {
		before = append(before, earlier{w.state, w.s.withDirs(differing(w.edited, files))})
	}
	ctx, cancel := context.WithTimeout(w.ctx, w.s.ends.Sub(w.s.now()))
	defer cancel()
	v.state, err = w.s.render(ctx, w.s.tree.Edit(files), before, nil)
	if err != nil {
		v.reason, v.late = err.Error(), w.ctx.Err() == nil && ctx.Err() != nil
		w.err = w.ctx.Err()
		return v
	}
	w.judge(v, tasks, batch)
	return v
}

// withDirs adds the directories of files that are to be made: these list what they did not.
func (s *Session) withDirs(paths []string) []string {
	for _, path := range paths {
		if _, err := s.tree.Lstat(path); err != nil {
			paths = append(paths, filepath.Dir(path))
		}
	}
	return paths
}

// differing returns the paths that hold not the same in both.
func differing(a, b map[string][]byte) []string {
	var paths []string
	for path, data := range b {
		if was, both := a[path]; !both || !bytes.Equal(was, data) {
			paths = append(paths, path)
		}
	}
	for path := range a {
		if _, both := b[path]; !both {
			paths = append(paths, path)
		}
	}
	return paths
}

// judge compares a rendering with that of the tree as it is, and blames tasks of a batch.
func (w *work) judge(v *verdict, tasks, batch []*task) {
	after := map[lint.Rendering]*shown{}
	before := map[lint.Rendering]*shown{}
	touched := map[lint.Rendering]map[string]bool{} // the edited files that a rendering read
	paths := slices.Collect(maps.Keys(v.files))
	for i, g := range v.state.groups {
		for key, f := range g.families {
			var old *family
			if i < len(w.s.base.groups) {
				old = w.s.base.groups[i].families[key]
			}
			if old == f {
				continue
			}
			join(after, f)
			if old != nil {
				join(before, old)
			}
			for r := range f.shown {
				if touched[r] == nil {
					touched[r] = map[string]bool{}
				}
				for _, path := range paths {
					if f.inputs[path] {
						touched[r][path] = true
					}
				}
			}
		}
		for key, old := range w.s.base.groups[min(i, len(w.s.base.groups)-1)].families {
			if g.families[key] == nil {
				join(before, old)
			}
		}
	}
	var problems []string
	alone := true // each problem is that of one task
	// The finding is still there.
	for _, t := range tasks {
		for _, p := range t.proposals {
			if p.hygiene != "" {
				continue
			}
			if s := after[p.rendering]; s == nil || s.findings[p.key] > 0 {
				v.blames[t] = fmt.Sprintf("with the edit of %s the finding is still there", w.where(t))
			}
		}
	}
	if len(v.blames) > 0 {
		v.sure, v.reason = true, firstOf(v.blames)
		return
	}
	renderings := map[lint.Rendering]bool{}
	for r := range before {
		renderings[r] = true
	}
	for r := range after {
		renderings[r] = true
	}
	ordered := slices.SortedFunc(maps.Keys(renderings), func(a, b lint.Rendering) int {
		return strings.Compare(a.Kind+a.Root+"\x00"+a.Variant, b.Kind+b.Root+"\x00"+b.Variant)
	})
	intents := w.s.intents
	if w.level == OnlySafe {
		intents = w.s.safeIntents
	}
	for _, r := range ordered {
		was, is := before[r], after[r]
		if was == nil {
			was = newShown()
		}
		if is == nil {
			is = newShown()
		}
		about := func(object, path, reason string) {
			problems = append(problems, reason)
			var may, named []*task
			for _, t := range batch {
				if !slices.ContainsFunc(t.edits(), func(e fileEdit) bool { return touched[r][e.path] && (path == "" || e.touches(path)) }) {
					continue
				}
				may = append(may, t)
				if slices.ContainsFunc(t.proposals, func(p *proposal) bool { return p.object == object }) {
					named = append(named, t)
				}
			}
			if len(named) > 0 {
				may = named
			}
			alone = alone && len(may) == 1
			for _, t := range may {
				if v.blames[t] == "" {
					v.blames[t] = fmt.Sprintf("%s %s", w.where(t), reason)
				}
			}
		}
		for _, message := range slices.Sorted(maps.Keys(is.errors)) {
			if n := is.errors[message]; n > was.errors[message] {
				about("", "", "would break a rendering: "+message)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(is.findings)) {
			n := is.findings[key]
			parts := strings.Split(key, "\x00")
			switch {
			case n > was.known[key]:
				about(fmt.Sprintf("%s %q", parts[1], parts[3]), "", fmt.Sprintf("would bring a finding of %s in %s %q", parts[0], parts[1], parts[3]))
			case is.worst[key] > was.worst[key]:
				about(fmt.Sprintf("%s %q", parts[1], parts[3]), "", fmt.Sprintf("would make a finding of %s in %s %q worse", parts[0], parts[1], parts[3]))
			}
		}
		differ, gone, added := changes(was, is)
		added = slices.DeleteFunc(added, func(key string) bool { return w.s.wanted(r, key, is.objects[key]) })
		for _, key := range append(gone, added...) {
			about("", "", fmt.Sprintf("decides whether %s is there", called(key)))
		}
		var of string
		var now map[string]string // the leaves of the object of
		for _, c := range differ {
			object := c.object[:strings.LastIndexByte(c.object, 0)]
			kind, _, _ := strings.Cut(object, "\x00")
			if slices.ContainsFunc(tasks, func(t *task) bool {
				return slices.ContainsFunc(t.edits(), func(e fileEdit) bool { return touched[r][e.path] && e.isValue(kind, c.path) })
			}) {
				continue // the values in it are what was edited
			}
			if c.isIgnore() && slices.ContainsFunc(tasks, func(t *task) bool {
				return t.proposals[0].hygiene != "" && touched[r][t.edits()[0].path]
			}) {
				continue
			}
			if c.object != of {
				of, now = c.object, unflat(is.objects[c.object])
			}
			if !slices.ContainsFunc(intents[intentKey{r, object}], func(i *intent) bool {
				return i.allows(c.path, c.before, c.after) && i.done(now, differ, c.object)
			}) {
				about(called(c.object), c.path, fmt.Sprintf("also feeds %s, of which %s would change", called(c.object), field(c.path)))
			}
		}
	}
	v.ok = len(problems) == 0
	if v.ok {
		if reason := w.hygiene(v, tasks); reason != "" {
			v.ok, v.reason = false, reason
		}
		return
	}
	v.reason, v.problem, v.sure = problems[0], problems[0], alone
}

// deployers are the kinds of objects that hold values of charts, or patches and images of overlays.
var deployers = []string{"Kustomization", "Application", "ApplicationSet", "HelmRelease", "HelmChart", "HelmChartConfig"}

// hygiene says which ignore would suppress nothing any more, or would still be there.
func (w *work) hygiene(v *verdict, tasks []*task) string {
	of := func(groups []engine.Group) map[string]int {
		all := map[string]int{}
		for _, f := range engine.Merge(groups...).Findings {
			if f.Rule.ID == engine.SuppressionHygiene.ID {
				all[hygieneOf(f)]++
			}
		}
		return all
	}
	was, is := of(w.s.base.results()), of(v.state.results())
	for _, t := range tasks {
		for _, p := range t.proposals {
			if p.hygiene != "" && is[p.hygiene] >= was[p.hygiene] {
				v.blames[t], v.sure = "the ignore is still one that suppresses nothing", true
			}
		}
	}
	if len(v.blames) > 0 {
		return firstOf(v.blames)
	}
	for what, n := range is {
		if n > was[what] {
			path, message, _ := strings.Cut(what, "\x00")
			return path + ": " + message
		}
	}
	return ""
}

func firstOf(blames map[*task]string) string {
	reasons := slices.Sorted(maps.Values(blames))
	if len(reasons) == 0 {
		return ""
	}
	return reasons[0]
}

// join adds what the renderings of a family show.
func join(all map[lint.Rendering]*shown, f *family) {
	for r, s := range f.shown {
		if all[r] == nil {
			all[r] = s
			continue
		}
		both := newShown()
		for _, part := range []*shown{all[r], s} {
			maps.Copy(both.objects, part.objects)
			for _, pair := range [][2]map[string]int{{both.findings, part.findings}, {both.known, part.known}, {both.errors, part.errors}} {
				for k, n := range pair[1] {
					pair[0][k] += n
				}
			}
			for k, severity := range part.worst {
				both.worst[k] = max(both.worst[k], severity)
			}
		}
		all[r] = both
	}
}

// where names the place of the first edit of a task.
func (w *work) where(t *task) string {
	e := t.edits()[0]
	shown := w.s.tree.Display(e.path)
	src, err := w.s.tree.Open(e.path)
	if err != nil { // it is to be made
		return shown
	}
	files, err := w.s.compile([]fileEdit{e})
	if err != nil {
		return shown
	}
	for _, r := range replacements(src, files[e.path]) {
		return fmt.Sprintf("%s:%d", shown, r.Span.Start.Line)
	}
	return shown
}

// touches reports whether an edit may be what changed a leaf: they end in the same fields.
func (e fileEdit) touches(path string) bool {
	last := ""
	switch {
	case e.op != nil && len(e.op.Fields) > 0:
		last = e.op.Fields[len(e.op.Fields)-1]
	case e.op != nil && len(e.op.Path) > 0:
		last = e.op.Path[len(e.op.Path)-1].Key
	case e.insert != nil && len(e.insert.Fields) > 0:
		last = e.insert.Fields[len(e.insert.Fields)-1]
	}
	fields := strings.Split(path, separator)
	if e.op != nil && imagesIn(e.op.Path) >= 0 && len(e.op.Fields) == 0 { // which is a whole entry
		return slices.Contains(fields, "image") || slices.Contains(fields, "images")
	}
	return last == "" || slices.Contains(fields, last) || slices.Contains(fields, e.text())
}

// text returns the key of the text that an edit is inside of, "" for none.
func (e fileEdit) text() string {
	if e.op != nil {
		if i := slices.IndexFunc(e.op.Path, func(s edit.Step) bool { return s.Text }); i > 0 {
			return e.op.Path[i-1].Key
		}
	}
	return ""
}

// isValue reports whether a leaf of an object of a kind may be the values of a chart that an
// edit changes. Those of a ConfigMap are a text.
func (e fileEdit) isValue(kind, path string) bool {
	switch {
	case e.op == nil:
		return false
	case kind == "ConfigMap":
		return e.text() != "" && slices.Contains(strings.Split(path, separator), e.text())
	}
	return slices.Contains(deployers, kind) && e.touches(path)
}

// patchOps makes inline patches of a kustomization: one for each object.
func patchOps(parts []objectPatch) []edit.Op {
	trees := map[string]*yaml.Node{}
	var order []string
	for _, p := range parts {
		key := fmt.Sprintf("%s\x00%d", p.object, p.tree.Kind) // a merge patch, or operations
		switch {
		case trees[key] == nil:
			trees[key] = p.tree
			order = append(order, key)
		case p.tree.Kind == yaml.SequenceNode:
			trees[key] = &yaml.Node{Kind: yaml.SequenceNode, Content: slices.Concat(trees[key].Content, p.tree.Content)}
		default:
			trees[key] = merged(trees[key], p.tree)
		}
	}
	slices.Sort(order)
	var ops []edit.Op
	for _, key := range order {
		if tree := trees[key]; tree.Kind == yaml.SequenceNode {
			trees[key] = &yaml.Node{Kind: yaml.SequenceNode, Content: ordered(tree.Content)}
		}
		text, err := encode(trees[key])
		if err != nil {
			continue
		}
		object := strings.Split(key, "\x00")
		kind, name := object[0], object[1]
		target := map[string]any{"kind": kind, "name": name}
		item := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			valueNode("target"), valueNode(target), valueNode("patch"), {Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSuffix(text, "\n")},
		}}
		ops = append(ops, edit.Op{Kind: edit.Add, Fields: []string{"patches"}, Value: item})
	}
	return ops
}

// merged merges two patches of an object: lists by the names of their items.
func merged(a, b *yaml.Node) *yaml.Node {
	switch {
	case a.Kind == yaml.MappingNode && b.Kind == yaml.MappingNode:
		out := &yaml.Node{Kind: yaml.MappingNode, Line: a.Line, Content: slices.Clone(a.Content)}
		for i := 0; i+1 < len(b.Content); i += 2 {
			at := -1
			for k := 0; k+1 < len(out.Content); k += 2 {
				if out.Content[k].Value == b.Content[i].Value {
					at = k
				}
			}
			if at < 0 {
				out.Content = append(out.Content, b.Content[i], b.Content[i+1])
			} else {
				out.Content[at+1] = merged(out.Content[at+1], b.Content[i+1])
			}
		}
		return out
	case a.Kind == yaml.SequenceNode && b.Kind == yaml.SequenceNode:
		out := &yaml.Node{Kind: yaml.SequenceNode, Content: slices.Clone(a.Content)}
		for _, item := range b.Content {
			at := slices.IndexFunc(out.Content, func(other *yaml.Node) bool {
				return nameOf(other) != "" && nameOf(other) == nameOf(item) || item.Kind == yaml.ScalarNode && flat(other) == flat(item)
			})
			if at < 0 {
				out.Content = append(out.Content, item)
			} else {
				out.Content[at] = merged(out.Content[at], item)
			}
		}
		if !slices.ContainsFunc(out.Content, func(item *yaml.Node) bool { return item.Line >= 0 }) {
			slices.SortStableFunc(out.Content, func(x, y *yaml.Node) int { return x.Line - y.Line })
		}
		return out
	}
	return b
}

func nameOf(n *yaml.Node) string { return lint.NewNode(n).Get("name").Value() }

func encode(n *yaml.Node) (string, error) {
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	if err := e.Encode(n); err != nil {
		return "", err
	}
	return b.String(), e.Close()
}
