package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/rules"
)

// fixed runs the program in a directory.
func fixed(t *testing.T, dir string, args ...string) (out, said string, status int) {
	t.Helper()
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	status = cli.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

// filesBelow returns what the files below a directory hold.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wanted is the file of an archive that holds the diff and what is said of the rest.
const wanted = "want"

// TestFixes runs fixtures/fixes: the first line of each file has the flags, "want" the diff
// of all fixes and why the others are none. The fixes are then applied: the files are what the
// diff says, and the second time nothing changes.
func TestFixes(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("fixtures/fixes/*.txtar")
	if len(files) < 20 {
		t.Fatalf("%d fixtures", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			path := filepath.Join(home, file)
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			for i, f := range archive.Files {
				if f.Name == wanted {
					want = i
					continue
				}
				at := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, f.Data, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			head, _, _ := strings.Cut(string(archive.Comment), "\n")
			flags := append(strings.Fields(head), "--color", "never", "--verbose", ".")
			before := filesBelow(t, dir)
			diff, said, _ := fixed(t, dir, append([]string{"--diff"}, flags...)...)
			if after := filesBelow(t, dir); !maps.Equal(before, after) {
				t.Error("--diff changed a file")
			}
			got := diff
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, "not fixed: ") || strings.HasPrefix(line, "error: ") {
					got += line
				}
			}
			switch {
			case want < 0 && !*update:
				t.Errorf("there is no %s", wanted)
			case want < 0:
				archive.Files = append(archive.Files, txtar.File{Name: wanted, Data: []byte(got)})
			case string(archive.Files[want].Data) != got && !*update:
				t.Errorf("got\n%s\nwant\n%s", got, archive.Files[want].Data)
			default:
				archive.Files[want].Data = []byte(got)
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			fixed(t, dir, append([]string{"--fix=all"}, flags...)...)
			once := filesBelow(t, dir)
			if (diff == "") != maps.Equal(before, once) {
				t.Errorf("the diff is\n%s\nand --fix=all does something else", diff)
			}
			for name := range once {
				if strings.Contains(diff, "+++ b/"+name+"\n") != (once[name] != before[name]) {
					t.Errorf("%s: the diff and --fix=all do not edit the same files", name)
				}
				mode := os.FileMode(0o640)
				if _, was := before[name]; !was {
					mode = 0o644
				}
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().Perm() != mode {
					t.Errorf("%s has the mode %v", name, info.Mode())
				}
			}
			if strings.Contains(diff, "/dev/null") {
				if applied := gitApplied(t, before, diff); !maps.Equal(applied, once) {
					t.Error("git apply of the diff and --fix=all do not come to the same")
				}
			}
			fixed(t, dir, append([]string{"--fix=all"}, flags...)...)
			if twice := filesBelow(t, dir); !maps.Equal(once, twice) {
				t.Error("the second time something changed")
			}
		})
	}
}

// gitApplied returns what files hold once git has applied a diff to them.
func gitApplied(t *testing.T, files map[string]string, diff string) map[string]string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	apply := exec.CommandContext(t.Context(), "git", "apply")
	apply.Dir, apply.Stdin = dir, strings.NewReader(diff)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Errorf("git apply: %v: %s", err, out)
	}
	return filesBelow(t, dir)
}

// A style writes one manifest in one of the ways in which people write YAML.
type style struct {
	*rand.Rand
	eol        string
	step, dash int
	b          strings.Builder
}

func (s *style) line(indent int, text string) {
	comment := ""
	if s.Intn(6) == 0 {
		comment = fmt.Sprintf("  # why %d", s.Intn(100))
	}
	if s.Intn(8) == 0 {
		s.b.WriteString(strings.Repeat(" ", indent) + fmt.Sprintf("# about %d", s.Intn(100)) + s.eol)
	}
	if s.Intn(12) == 0 {
		s.b.WriteString(s.eol)
	}
	s.b.WriteString(strings.Repeat(" ", indent) + text + comment + s.eol)
}

func (s *style) scalar(v any) string {
	text, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	switch s.Intn(5) {
	case 0:
		return `"` + text + `"`
	case 1:
		return "'" + text + "'"
	}
	return text
}

// A pair is an entry of a mapping in the order in which it is written.
type pair struct {
	key   string
	value any // a scalar, []pair or []any
}

func (s *style) flow(v any) string {
	var parts []string
	switch v := v.(type) {
	case []pair:
		for _, p := range v {
			parts = append(parts, p.key+": "+s.flow(p.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, s.flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return s.scalar(v)
}

// mapping writes entries at an indentation, the first of them behind a dash where head says so.
func (s *style) mapping(indent int, head string, m []pair) {
	for i, p := range m {
		key := p.key + ":"
		at := indent
		if i == 0 && head != "" {
			key, at = head+key, indent-len(head)
		}
		switch v := p.value.(type) {
		case []pair:
			if s.Intn(4) == 0 {
				s.line(at, key+" "+s.flow(v))
			} else {
				s.line(at, key)
				s.mapping(indent+s.step, "", v)
			}
		case []any:
			if s.Intn(4) == 0 {
				s.line(at, key+" "+s.flow(v))
				continue
			}
			s.line(at, key)
			for _, item := range v {
				if m, ok := item.([]pair); ok {
					s.mapping(indent+s.dash+2, "- ", m)
				} else {
					s.line(indent+s.dash, "- "+s.scalar(item))
				}
			}
		default:
			s.line(at, key+" "+s.scalar(v))
		}
	}
}

// In whatever style a manifest is written, fixes that add to it keep every byte and every
// line that is not on their way, write the line ends that are there, and change nothing the second time.
func TestFixesOfRandomStyles(t *testing.T) {
	object := []pair{
		{"apiVersion", "apps/v1"}, {"kind", "Deployment"},
		{"metadata", []pair{{"name", "web"}, {"labels", []pair{{"app", "web"}, {"tier", "front"}}}}},
		{"spec", []pair{
			{"replicas", 2}, {"selector", []pair{{"matchLabels", []pair{{"app", "web"}}}}},
			{"template", []pair{
				{"metadata", []pair{{"labels", []pair{{"app", "web"}}}}},
				{"spec", []pair{{"containers", []any{
					[]pair{{"name", "web"}, {"image", "registry.example/web@sha256:7c5e0bca1c9d2f0d4d3c9fae1c0c5e2b6f0c2a4f5d8a8a1e3b7f1c2d3e4f5a6b"}, {"args", []any{"--cert-dir=/tmp/certs", "--listen=:8080"}}, {"securityContext", []pair{{"procMount", "Default"}}}},
					[]pair{{"image", "registry.example/log@sha256:7c5e0bca1c9d2f0d4d3c9fae1c0c5e2b6f0c2a4f5d8a8a1e3b7f1c2d3e4f5a6b"}, {"name", "log"}, {"ports", []any{[]pair{{"containerPort", 80}}}}},
				}}, {"terminationGracePeriodSeconds", 5}}},
			}},
		}},
	}
	for seed := range int64(60) {
		s := &style{Rand: rand.New(rand.NewSource(seed)), eol: "\n"}
		if s.Intn(4) == 0 {
			s.eol = "\r\n"
		}
		s.step = []int{2, 2, 4, 3}[s.Intn(4)]
		s.dash = []int{0, 2, s.step}[s.Intn(3)]
		s.mapping(0, "", object)
		text := s.b.String()
		if s.Intn(5) == 0 {
			text = strings.TrimRight(text, "\r\n")
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "web.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"--fix=all", "--no-config", "--limit-time", "5m", "--disable", "network", "web.yaml"}
		fixed(t, dir, args...)
		once, _ := os.ReadFile(path)
		rest := string(once)
		for _, c := range []byte(text) {
			at := strings.IndexByte(rest, c)
			if at < 0 {
				t.Fatalf("seed %d: bytes were lost:\n%s\nwas\n%s", seed, once, text)
			}
			rest = rest[at+1:]
		}
		kept := strings.Split(string(once), s.eol)
		for line := range strings.SplitSeq(text, s.eol) {
			flow := strings.ContainsAny(line, "{[") // where an entry may have been added
			if at := slices.Index(kept, line); at >= 0 {
				kept = kept[at+1:]
			} else if !flow {
				t.Errorf("seed %d: the line %q is another now:\n%s\nwas\n%s", seed, line, once, text)
				break
			}
		}
		if strings.Count(string(once), "\n") != strings.Count(string(once), s.eol) {
			t.Errorf("seed %d: there are two kinds of line ends:\n%q", seed, once)
		}
		for _, want := range []string{"allowPrivilegeEscalation", "runAsNonRoot", "readOnlyRootFilesystem", "seccompProfile", "emptyDir", "NET_BIND_SERVICE"} {
			if !strings.Contains(string(once), want) {
				t.Errorf("seed %d: no %s:\n%s\nwas\n%s", seed, want, once, text)
			}
		}
		fixed(t, dir, args...)
		if twice, _ := os.ReadFile(path); !bytes.Equal(once, twice) {
			t.Errorf("seed %d: the second time it is\n%s\nwas\n%s", seed, twice, once)
		}
	}
}

// Every rule that has a remedy has a fixture of its name, and says in its page whether
// it is safe; the others say why there is none.
func TestEveryRemedyHasAFixture(t *testing.T) {
	for _, rule := range rules.All() {
		_, err := os.Stat(filepath.Join("fixtures", "fixes", rule.ID+".txtar"))
		if (rule.Remedy != nil) != (err == nil) && !slices.Contains([]string{"suppression-hygiene"}, rule.ID) {
			t.Errorf("%s: there is a remedy: %v, a fixture: %v", rule.ID, rule.Remedy != nil, err == nil)
		}
		_, says, found := strings.Cut(rule.Doc(), "\n## Fix\n\n")
		none := strings.HasPrefix(says, "None")
		if !found || none == (rule.Remedy != nil) && rule.ID != "suppression-hygiene" {
			t.Errorf("%s: its page does not say under \"## Fix\" what is done and whether that is safe, or why nothing is", rule.ID)
		}
	}
}

// corpusDir holds charts and overlays of other projects, beside this one.
const corpusDir = "../shared/corpus"

// A found is what a report says of its findings and errors.
type found struct {
	findings map[string]bool // fingerprints, without the number of those that share one
	fixable  map[string]bool
	errors   int
}

func foundIn(t *testing.T, dir string, args ...string) found {
	t.Helper()
	out, said, _ := fixed(t, dir, append(args, "--no-config", "-f", "json", ".")...)
	var report struct {
		Findings []struct {
			Fingerprint string
			Fix         *struct{ Proof string }
		}
		Errors []any
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	f := found{findings: map[string]bool{}, fixable: map[string]bool{}, errors: len(report.Errors)}
	for _, x := range report.Findings {
		f.findings[x.Fingerprint] = true
		if x.Fix != nil && x.Fix.Proof == "applied" {
			f.fixable[x.Fingerprint] = true
		}
	}
	return f
}

// rendered returns the bundles of a directory, by their renderings.
func rendered(t *testing.T, dir string) map[lint.Rendering]*lint.Bundle {
	t.Helper()
	t.Chdir(dir)
	bundles := map[lint.Rendering]*lint.Bundle{}
	seen := map[string]bool{}
	var render1 func(u *render.Unit)
	render1 = func(u *render.Unit) {
		if seen[u.Key] {
			return
		}
		seen[u.Key] = true
		r := u.Render(t.Context())
		for _, b := range r.Bundles {
			bundles[b.Rendering] = b
		}
		for _, asked := range r.Asks {
			render1(asked)
		}
	}
	for _, u := range render.NewPlan(t.Context(), []string{"."}, render.Options{}).Units {
		render1(u)
	}
	return bundles
}

// An asked is what a remedy asks of an object: of a value, what it is to be, and of a list, a
// field that goes or gets another name, where.
type asked struct{ path, value string }

// askedOf returns what the remedies of all rules ask of the objects of a bundle, and the
// kinds of objects that they add.
func askedOf(b *lint.Bundle) (edits map[string][]asked, drafts bool) {
	edits = map[string][]asked{}
	for _, rule := range rules.All() {
		if rule.Remedy == nil || rule.Run == nil {
			continue
		}
		pass := lint.NewPass(rule, b, nil)
		rule.Run(pass)
		for _, found := range pass.Reported() {
			for r := rule.Remedy(pass, found.Finding, found.Node); r != nil; r = r.Or {
				drafts = drafts || r.Draft != nil
				for _, e := range r.Edits {
					object := named(e.Node.Resource())
					switch {
					case e.Op == lint.SetValue:
						var value yaml.Node
						if err := value.Encode(e.Value); err != nil {
							panic(err)
						}
						for path, leaf := range leaves(&value) {
							edits[object] = append(edits[object], asked{at(e.Node) + path, leaf})
						}
					case e.Op == lint.AddItem:
						edits[object] = append(edits[object], asked{path: at(e.Node)})
					case e.Op == lint.Removed && e.Node.Index() < 0:
						edits[object] = append(edits[object], asked{path: at(e.Node)})
					default: // items move up; a key has another name
						edits[object] = append(edits[object], asked{path: at(e.Node.Parent())})
					}
				}
			}
		}
	}
	return edits, drafts
}

// at returns the path of a node as leaves writes it.
func at(n *lint.Node) string {
	switch {
	case n.Parent() == nil:
		return ""
	case n.Index() >= 0:
		return fmt.Sprintf("%s[%d]", at(n.Parent()), n.Index())
	}
	return at(n.Parent()) + "." + n.Name()
}

// numbered returns the objects of a bundle, of which several may have one name.
func numbered(b *lint.Bundle) map[string]*lint.Resource {
	all := map[string]*lint.Resource{}
	for _, r := range b.Resources {
		n := 0
		for all[fmt.Sprint(named(r), n)] != nil {
			n++
		}
		all[fmt.Sprint(named(r), n)] = r
	}
	return all
}

func named(r *lint.Resource) string { return r.Kind + " " + r.Namespace + "/" + r.Name }

// leaves returns the values of a tree by their paths, which begin with a dot or a bracket.
func leaves(n *yaml.Node) map[string]string {
	all := map[string]string{}
	var visit func(n *yaml.Node, path string)
	visit = func(n *yaml.Node, path string) {
		switch {
		case n.Kind == yaml.AliasNode:
			visit(n.Alias, path)
		case n.Kind == yaml.MappingNode && len(n.Content) > 0:
			for _, f := range lint.NewNode(n).Fields() {
				visit(f.YAML(), path+"."+f.Name())
			}
		case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
			for i, item := range n.Content {
				visit(item, fmt.Sprintf("%s[%d]", path, i))
			}
		case n.Kind == yaml.MappingNode, n.Kind == yaml.SequenceNode, n.ShortTag() == "!!null":
			all[path] = "" // nothing, in whatever form
		default:
			all[path] = n.ShortTag() + " " + n.Value
		}
	}
	visit(n, "")
	return all
}

// unintended returns the differences between two states of a directory that no remedy
// asks for. It renders both with the library, and knows nothing of how fixes are proven.
func unintended(before, after map[lint.Rendering]*lint.Bundle) (all []string) {
	for rendering, was := range before {
		is := after[rendering]
		if is == nil {
			all = append(all, fmt.Sprintf("%v is not rendered any more", rendering))
			continue
		}
		edits, drafts := askedOf(was)
		later, _ := askedOf(is) // of what was found once something else was fixed
		objects := numbered(was)
		here := numbered(is)
		for name, r := range here {
			old := objects[name]
			if old == nil {
				if !drafts || r.Kind != "NetworkPolicy" {
					all = append(all, fmt.Sprintf("%v: %s is new", rendering, named(r)))
				}
				continue
			}
			x, y := leaves(old.Root.YAML()), leaves(r.Root.YAML())
			paths := slices.Collect(maps.Keys(x))
			for path := range y {
				if _, both := x[path]; !both {
					paths = append(paths, path)
				}
			}
			for _, path := range paths {
				if x[path] == y[path] || strings.HasPrefix(path, ".spec.values.") || strings.Contains(path, ".helm.") && r.Kind == "Application" {
					continue
				}
				context, escalates := strings.CutSuffix(path, ".allowPrivilegeEscalation")
				if escalates && x[context+".privileged"] == "!!bool true" && y[context+".privileged"] == "!!bool false" {
					continue // which the API server refuses, and no remedy writes, until the container is not privileged
				}
				if !slices.ContainsFunc(slices.Concat(edits[named(r)], later[named(r)]), func(a asked) bool {
					if a.value != "" {
						return a.path == path && a.value == y[path] || x[path] == "" && strings.HasPrefix(a.path, path+".") // which was empty
					}
					return a.path == path || strings.HasPrefix(path, a.path+".") || strings.HasPrefix(path, a.path+"[")
				}) {
					all = append(all, fmt.Sprintf("%v: %s: %s was %q and is %q", rendering, named(r), path, x[path], y[path]))
				}
			}
		}
		for name := range objects {
			if here[name] == nil {
				all = append(all, fmt.Sprintf("%v: %s is gone", rendering, name))
			}
		}
	}
	for rendering := range after {
		if before[rendering] == nil {
			all = append(all, fmt.Sprintf("%v is new", rendering))
		}
	}
	slices.Sort(all)
	return all
}

// On copies of real projects what has a fix is gone once it is applied, nothing is new, every
// unit still renders, the objects differ in what remedies ask for, and the second time nothing changes.
func TestFixesOfRealProjects(t *testing.T) {
	if _, err := os.Stat(corpusDir); err != nil || testing.Short() {
		t.Skip("the corpus is not beside the project, or -short is given")
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range []struct {
		name      string
		parts     []string // of the directory; all of it where there are none
		safe, all int      // how many findings have a fix, at least
	}{
		{"plain", nil, 0, 100},
		{"helm", nil, 1, 60},
		{"kustomize/onlineboutique", nil, 0, 25},
		{"kustomize/flux-helm-example", nil, 0, 3},
		{"kustomize/argo-cd", []string{"base", "cluster-install", "cluster-rbac", "crds", "namespace-install"}, 0, 6},
	} {
		for level, least := range map[string]int{"--fix=safe": project.safe, "--fix=all": project.all} {
			t.Run(level+" "+project.name, func(t *testing.T) {
				dir := t.TempDir()
				from := filepath.Join(home, corpusDir, project.name)
				parts := project.parts
				if parts == nil {
					parts = []string{"."}
				}
				for _, part := range parts {
					if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(from, part))); err != nil {
						t.Fatal(err)
					}
				}
				was := rendered(t, dir)
				before := foundIn(t, dir, level, "--diff", "--limit-time", "5m")
				files := filesBelow(t, dir)
				left := foundIn(t, dir, level, "--limit-time", "5m")
				once := filesBelow(t, dir)
				after := foundIn(t, dir)
				gone := 0
				for print := range before.fixable {
					if !after.findings[print] {
						gone++
					}
				}
				if gone*100 < 95*len(before.fixable) || len(before.fixable) < least {
					t.Errorf("%d of %d findings with a fix are gone; %d are to have one", gone, len(before.fixable), least)
				}
				for print := range after.findings {
					if !before.findings[print] && !strings.Contains(print, ":") {
						t.Errorf("finding %s is new", print)
					}
				}
				if after.errors > before.errors || !maps.Equal(left.findings, after.findings) {
					t.Errorf("%d errors, then %d; %d findings said to be left, %d are", before.errors, after.errors, len(left.findings), len(after.findings))
				}
				if (len(before.fixable) > 0) == maps.Equal(files, once) {
					t.Errorf("%d findings have a fix; files changed: %v", len(before.fixable), !maps.Equal(files, once))
				}
				for _, difference := range unintended(was, rendered(t, dir)) {
					t.Error(difference)
				}
				foundIn(t, dir, level, "--limit-time", "5m")
				if twice := filesBelow(t, dir); !maps.Equal(once, twice) {
					t.Error("the second time something changed")
				}
				t.Logf("%d of %d findings with a fix are gone, %d of %d are left", gone, len(before.fixable), len(after.findings), len(before.findings))
			})
		}
	}
}

// On copies of real projects the policies that are made leave no finding of their kind, are in
// order for every other rule, and the second time none is made.
func TestNewFilesOfRealProjects(t *testing.T) {
	if _, err := os.Stat(corpusDir); err != nil || testing.Short() {
		t.Skip("the corpus is not beside the project, or -short is given")
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	only := []string{"--only", "namespace-default-deny,pod-without-networkpolicy"}
	for _, project := range []string{"plain", "helm", "kustomize/onlineboutique", "kustomize/argo-cd"} {
		t.Run(project, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(home, corpusDir, project))); err != nil {
				t.Fatal(err)
			}
			// that of a namespace is there for its workloads already
			every := []string{"--profile", "all", "--disable", "default-namespace"}
			all, before := foundIn(t, dir, every...), foundIn(t, dir, append(only, "--fix=all", "--diff")...)
			files := filesBelow(t, dir)
			if foundIn(t, dir, append(only, "--fix=safe")...); !maps.Equal(files, filesBelow(t, dir)) {
				t.Error("--fix=safe makes a file")
			}
			foundIn(t, dir, append(only, "--fix=all")...)
			once, after := filesBelow(t, dir), foundIn(t, dir, every...)
			gone := 0
			for print := range before.fixable {
				if !after.findings[print] {
					gone++
				}
			}
			if len(before.fixable) == 0 || gone*100 < 95*len(before.fixable) {
				t.Errorf("%d of %d findings with a fix are gone", gone, len(before.fixable))
			}
			for print := range after.findings {
				if !all.findings[print] && !strings.Contains(print, ":") {
					t.Errorf("finding %s is new", print)
				}
			}
			if after.errors > all.errors {
				t.Errorf("%d errors, then %d", all.errors, after.errors)
			}
			foundIn(t, dir, append(only, "--fix=all")...)
			if !maps.Equal(once, filesBelow(t, dir)) {
				t.Error("the second time something changed")
			}
			t.Logf("%d of %d findings with a fix are gone; %d files became %d", gone, len(before.fixable), len(files), len(once))
		})
	}
}
