package kustomize

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

const fixtures = "../../fixtures/render/kustomize"

// overlays returns every directory below dir that holds a kustomization.
func overlays(t testing.TB, dir string) []string {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && slices.Contains(FileNames, e.Name()) {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// corpus returns the overlays of the shared corpus, or says that it is not there.
func corpus(t testing.TB) []string {
	dir := "../../../shared/corpus/kustomize"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the corpus is not there: " + dir)
	}
	dirs := overlays(t, dir)
	if testing.Short() { // as the race detector runs it
		dirs = sample(t, dir, dirs)
	}
	return dirs
}

// sample returns a quarter of the directories below root, told by their names: the same
// ones wherever the checkout is.
func sample(t testing.TB, root string, dirs []string) []string {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
		name, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		h := fnv.New32a()
		h.Write([]byte(filepath.ToSlash(name)))
		return h.Sum32()%4 != 0
	})
}

func TestTheSampleIsTheSameInEveryDirectory(t *testing.T) {
	var names [2]string
	for i, root := range []string{"/a", "/some/longer/root"} {
		var dirs []string
		for n := range 200 {
			dirs = append(dirs, filepath.Join(root, "overlays", strconv.Itoa(n)))
		}
		for _, dir := range sample(t, root, dirs) {
			names[i] += " " + filepath.Base(dir)
		}
	}
	if n := strings.Count(names[0], " "); names[0] != names[1] || n < 30 || n > 70 {
		t.Errorf("%d of 200:%s\n%s", n, names[0], names[1])
	}
}

func jailOf(dir string) string {
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		if filepath.Base(d) == "kustomize" {
			return d
		}
	}
	return dir
}

var trees = map[string]*tree{}

func treeOf(jail string) *tree {
	if trees[jail] == nil {
		trees[jail] = newTree(filetree.New(nil).In(jail))
	}
	return trees[jail]
}

// ours builds an overlay with this package; nil where it is no root.
func ours(t testing.TB, dir string) (*build, resmap.ResMap) {
	t.Helper()
	if done, ok := built[dir]; ok {
		return done.b, done.m
	}
	b, m := fresh(t, dir, treeOf(jailOf(dir)))
	built[dir] = struct {
		b *build
		m resmap.ResMap
	}{b, m}
	return b, m
}

// built keeps what the tests have built: the corpus is large.
var built = map[string]struct {
	b *build
	m resmap.ResMap
}{}

func fresh(t testing.TB, dir string, tr *tree) (*build, resmap.ResMap) {
	t.Helper()
	defer quiet()()
	if !hooked() {
		t.Fatal("no hooks")
	}
	real, err := tr.resolve(dir)
	if err != nil {
		t.Fatal(err)
	}
	k := tr.at(real)
	if k == nil || k.component() {
		return nil, nil
	}
	b := newBuild(tr, k, Options{Files: tr.files})
	return b, b.run(context.Background())
}

// A changed file system is the disk with one file replaced.
type changed struct {
	filesys.FileSystem
	path string
	data []byte
}

func (c changed) ReadFile(path string) ([]byte, error) {
	if c.path != "" {
		if real, err := filepath.EvalSymlinks(path); err == nil && real == c.path {
			return c.data, nil
		}
	}
	return c.FileSystem.ReadFile(path)
}

// plain builds an overlay with krusty alone.
func plain(dir, path string, data []byte) (m resmap.ResMap, err error) {
	defer quiet()()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if text, _ := os.ReadFile(filepath.Join(dir, FileNames[0])); strings.Contains(string(text), "openapi") {
		defer own()()
	}
	o := krusty.MakeDefaultOptions()
	o.LoadRestrictions = types.LoadRestrictionsNone
	return krusty.MakeKustomizer(o).Run(changed{filesys.MakeFsOnDisk(), path, data}, dir)
}

type leaf struct {
	object, path string
	node         *lint.Node
}

func leaves(m resmap.ResMap, l lint.Locator) []leaf {
	var all []leaf
	for i, r := range m.Resources() {
		for _, res := range lint.NewResources(r.YNode(), l) {
			var walk func(n *lint.Node, path string)
			walk = func(n *lint.Node, path string) {
				if len(n.Items()) == 0 && len(n.Fields()) == 0 {
					all = append(all, leaf{fmt.Sprint(i), path, n})
				}
				for j, c := range n.Items() {
					walk(c, path+"/"+strconv.Itoa(j))
				}
				for _, c := range n.Fields() {
					walk(c, path+"/"+c.Name())
				}
			}
			walk(res.Root, "")
		}
	}
	return all
}

// writerOf names what wrote a place, for the figures.
func writerOf(b *build, n *yaml.Node) string {
	s := b.locate(at(n))
	name := s.role
	switch s.role {
	case roleEntry, rolePlugin:
		if s.by.k == nil {
			return name
		}
		if s.span.Text() == "configMapGenerator" || s.span.Text() == "secretGenerator" {
			return "kind of a generated object"
		}
		for i := 0; i+1 < len(s.by.k.root.Content); i += 2 {
			v := lint.NodeSpan(s.by.k.src, s.by.k.root.Content[i+1])
			if covers(v, s.by.span()) {
				name = s.by.k.root.Content[i].Value
			}
		}
	case rolePatch:
		name = "patch file"
		if covers(s.by.span(), s.span) {
			name = "patch inline"
		}
	case roleGenerator:
		name = "generator literal"
		if s.by.node != nil {
			name = "generator file"
			if s.span.Start.Offset > 0 || s.span.End.Offset < len(s.span.Start.Source.Data) {
				name = "generator env"
			}
		}
	}
	if slices.ContainsFunc(s.via, func(r lint.Related) bool { return r.Message == copied }) {
		name = "replacements"
	}
	if s.prev.known() && !strings.Contains(name, "generator") {
		name += " over another"
	}
	return name
}

func TestOutputIsKustomizes(t *testing.T) {
	for name, dirs := range map[string]func(testing.TB) []string{
		"fixtures": func(t testing.TB) []string { return overlays(t, fixtures) }, "corpus": corpus,
	} {
		t.Run(name, func(t *testing.T) {
			same, skipped := 0, 0
			for _, dir := range dirs(t) {
				b, m := ours(t, dir)
				if b == nil || len(b.errs) > 0 {
					skipped++ // refused or broken in part: not comparable
					continue
				}
				want, err := plain(dir, "", nil)
				if err != nil {
					t.Errorf("%s: kustomize fails, this package does not: %v", dir, err)
					continue
				}
				got, err := m.AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				text, err := want.AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(text) {
					t.Errorf("%s: output differs\n%s", dir, firstDifference(string(got), string(text)))
				}
				same++
			}
			t.Logf("%d overlays built alike, %d components or partial builds left out", same, skipped)
			if same == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			line := "(end)"
			if i < len(w) {
				line = w[i]
			}
			return fmt.Sprintf("line %d:\n got %q\nwant %q", i+1, g[i], line)
		}
	}
	return "got less than wanted"
}

func TestEveryLeafHasAPlace(t *testing.T) {
	dirs := overlays(t, fixtures)
	if _, err := os.Stat("../../../shared/corpus/kustomize"); err == nil {
		dirs = append(dirs, corpus(t)...)
	} else {
		t.Log("the corpus is not there: fixtures alone")
	}
	all := 0
	for _, dir := range dirs {
		b, m := ours(t, dir)
		if m == nil {
			continue
		}
		lostHere := 0
		for _, l := range leaves(m, locator{b}) {
			all++
			place := l.node.Locate()
			if place.Precision != lint.Exact && lostHere < 5 {
				lostHere++
				t.Errorf("%s: object %s%s = %q has no exact place: %s %v", dir, l.object, l.path, l.node.Value(), place.Precision, place.Span.Start)
			}
		}
	}
	t.Logf("%d leaves", all)
	if all < 500 {
		t.Errorf("only %d leaves", all)
	}
}

// The edited place must decide the leaf: change one character there, build with
// krusty alone, and the leaf has changed.
func TestEditingThePlaceChangesTheLeaf(t *testing.T) {
	type figure struct{ good, bad, untestable int }
	figures := map[string]*figure{}
	try := func(dirs []string, each int) {
		seen := map[string]int{}
		for _, dir := range dirs {
			b, m := ours(t, dir)
			if m == nil || len(b.errs) > 0 {
				continue
			}
			before := leaves(m, locator{b})
			if len(before) > 3000 && os.Getenv("MANILINT_ORACLE") == "" {
				continue // building it anew for each leaf takes minutes
			}
			sort.SliceStable(before, func(i, j int) bool { return rank(dir, before[i]) < rank(dir, before[j]) })
			perDir, sizes := map[string]int{}, map[string]int{}
			for _, l := range before {
				sizes[l.object]++
			}
			for _, l := range before {
				place := l.node.Locate()
				w := writerOf(b, l.node.YAML())
				if place.Precision != lint.Exact || perDir[w] >= each || seen[w] >= 24 {
					continue
				}
				span := place.Span
				data, ok := edit(span)
				f := figures[w]
				if f == nil {
					f = &figure{}
					figures[w] = f
				}
				if !ok {
					f.untestable++
					continue
				}
				perDir[w]++
				seen[w]++
				after, err := plain(dir, span.Start.Source.File, data)
				if err != nil {
					f.untestable++
					continue
				}
				if unchanged(l, sizes[l.object], after) {
					f.bad++
					t.Logf("%s: %s: object %s%s = %q stays when %v %q is edited", filepath.Base(dir), w, l.object, l.path, l.node.Value(), span.Start, span.Text())
				} else {
					f.good++
				}
			}
		}
	}
	try(overlays(t, fixtures), 12)
	if _, err := os.Stat("../../../shared/corpus/kustomize"); err == nil {
		try(corpus(t), 2)
	} else {
		t.Log("the corpus is not there: fixtures alone")
	}
	var names []string
	good, bad := 0, 0
	for name, f := range figures {
		names = append(names, name)
		good, bad = good+f.good, bad+f.bad
	}
	sort.Strings(names)
	for _, name := range names {
		f := figures[name]
		t.Logf("%-40s %4d of %4d changed, %d not testable", name, f.good, f.good+f.bad, f.untestable)
		if tested := f.good + f.bad; tested < 10 && tested+f.untestable > 0 && name != "kind of a generated object" {
			t.Errorf("%s is judged on %d samples: add to the fixtures", name, tested)
		}
	}
	t.Logf("%d of %d", good, good+bad)
	if float64(good) < 0.995*float64(good+bad) {
		t.Errorf("%d of %d places decide their leaf", good, good+bad)
	}
}

func rank(dir string, l leaf) uint32 {
	h := fnv.New32a()
	h.Write([]byte(filepath.Base(dir) + l.object + l.path))
	return h.Sum32()
}

func unchanged(l leaf, size int, after resmap.ResMap) bool {
	i, _ := strconv.Atoi(l.object)
	if i >= after.Size() {
		return false
	}
	one := after.ShallowCopy()
	one.Clear()
	if err := one.Append(after.Resources()[i]); err != nil {
		return false
	}
	now := leaves(one, nil)
	if last := l.path[strings.LastIndexByte(l.path, '/')+1:]; slices.Contains(mergeKeys, last) && len(now) != size {
		return false // a patch that named the item adds one of its own instead
	}
	return slices.ContainsFunc(now, func(m leaf) bool { return m.path == l.path && m.node.Value() == l.node.Value() })
}

// edit changes the text of a span without making it something else: true becomes
// false, a digit another digit, a letter another letter.
func edit(span lint.Span) ([]byte, bool) {
	src, text := span.Start.Source, span.Text()
	if src == nil || src.File == "" || text == "" {
		return nil, false
	}
	out := ""
	switch strings.Trim(text, `"'`) {
	case "true":
		out = strings.Replace(text, "true", "false", 1)
	case "false":
		out = strings.Replace(text, "false", "true", 1)
	case "null", "~", "{}", "[]":
		return nil, false
	default:
		from := 0
		if text[0] == '|' || text[0] == '>' {
			from = strings.IndexByte(text, '\n') + 1
		}
		for i := len(text) - 1; i >= from; i-- {
			c := text[i]
			switch {
			case c >= '0' && c <= '8', c >= 'a' && c <= 'y' && (i == 0 || text[i-1] != '\\'), c >= 'A' && c <= 'Y' && (i == 0 || text[i-1] != '\\'):
				out = text[:i] + string(c+1) + text[i+1:]
			case c == '9' || c == 'z' || c == 'Z':
				out = text[:i] + string(c-1) + text[i+1:]
			default:
				continue
			}
			break
		}
	}
	if out == "" {
		return nil, false
	}
	data := string(src.Data[:span.Start.Offset]) + out + string(src.Data[span.End.Offset:])
	return []byte(data), true
}
