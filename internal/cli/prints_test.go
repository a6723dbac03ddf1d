package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

var (
	everything = flag.Bool("everything", false, "edit every tree of the corpus, which takes minutes")
	oneProject = flag.String("project", "", "edit this one tree of the corpus alone, as kustomize-argo-cd")
)

// A project is a tree that is linted again after an edit.
type project struct {
	t    *testing.T
	dir  string
	rand *rand.Rand
	args []string // of the runs after the edit
	kept func(finding) bool
}

type finding struct {
	Rule, Fingerprint, Path, By string
	Object                      struct{ Kind, Name string }
	Location                    struct{ File string }
}

func (f finding) String() string {
	return fmt.Sprintf("%s of %s/%s at %s in %s", f.Rule, f.Object.Kind, f.Object.Name, f.Path, f.Location.File)
}

// files returns the YAML files of the project whose path matches.
func (p *project) files(want func(path, text string) bool) []string {
	var all []string
	_ = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".tpl"}, filepath.Ext(path)) {
			if data, err := os.ReadFile(path); err == nil && want(path, string(data)) {
				all = append(all, path)
			}
		}
		return nil
	})
	return all
}

func (p *project) edit(path string, f func(string) string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	text := f(string(data))
	if text == string(data) {
		return false
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return true
}

// plain are files without a template action that hold objects.
func plain(_, text string) bool {
	return !strings.Contains(text, "{{") && strings.Contains(text, "\nkind:")
}

func (p *project) each(files []string, f func(string) string) bool {
	changed := false
	for _, file := range files {
		changed = p.edit(file, f) || changed
	}
	return changed
}

// restyle decodes the documents of a text and writes them anew, changed by f.
func restyle(text string, f func(*yaml.Node)) string {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); err != nil {
			break
		}
		f(&doc)
		if err := encoder.Encode(&doc); err != nil {
			return text
		}
	}
	_ = encoder.Close()
	return out.String()
}

func walk(n *yaml.Node, f func(*yaml.Node)) {
	f(n)
	for _, c := range n.Content {
		walk(c, f)
	}
}

func get(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// containers calls f for each list of containers of a document.
func containers(doc *yaml.Node, f func(*yaml.Node)) {
	walk(doc, func(n *yaml.Node) {
		if list := get(n, "containers"); list != nil && list.Kind == yaml.SequenceNode && len(list.Content) > 0 {
			f(list)
		}
	})
}

const added = "a-container-that-was-added"

var countedContainer = regexp.MustCompile(`/containers/\d+`)

var topKey = regexp.MustCompile(`(?m)^[a-zA-Z][\w-]*:`)

// edits keep every defect that there was. Each says whether it changed anything.
var edits = []struct {
	name string
	edit func(*project) bool
}{
	{"lines and comments inserted", func(p *project) bool {
		return p.each(p.files(plain), func(text string) string {
			return topKey.ReplaceAllStringFunc(text, func(key string) string {
				return strings.Repeat("# a comment that says: nothing\n\n", p.rand.IntN(3)) + key
			})
		})
	}},
	{"comments in values", func(p *project) bool {
		return p.each(p.files(func(path, text string) bool { return filepath.Base(path) == "values.yaml" }), func(text string) string {
			return "# values\n\n" + topKey.ReplaceAllString(text, "# about:\n${0}")
		})
	}},
	{"documents moved", func(p *project) bool {
		return p.each(p.files(plain), func(text string) string {
			docs := strings.Split(strings.TrimPrefix(text, "---\n"), "\n---\n")
			slices.Reverse(docs)
			return strings.Join(docs, "\n---\n")
		})
	}},
	{"keys reordered, comments dropped", func(p *project) bool {
		return p.each(p.files(plain), func(text string) string {
			return restyle(text, func(doc *yaml.Node) {
				walk(doc, func(n *yaml.Node) {
					for i, j := 0, len(n.Content)-2; n.Kind == yaml.MappingNode && n.Alias == nil && i < j; i, j = i+2, j-2 {
						n.Content[i], n.Content[j], n.Content[i+1], n.Content[j+1] = n.Content[j], n.Content[i], n.Content[j+1], n.Content[i+1]
					}
				})
			})
		})
	}},
	{"quoting and style", func(p *project) bool {
		return p.each(p.files(plain), func(text string) string {
			return restyle(text, func(doc *yaml.Node) {
				walk(doc, func(n *yaml.Node) {
					if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && !strings.Contains(n.Value, "\n") {
						n.Style = []yaml.Style{0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle}[p.rand.IntN(3)]
					}
				})
			})
		})
	}},
	{"containers added before", func(p *project) bool {
		p.kept = func(f finding) bool { return !strings.Contains(f.Path, added) }
		p.each(p.files(func(string, string) bool { return true }), func(text string) string { // JSON patches count
			return countedContainer.ReplaceAllStringFunc(text, func(at string) string {
				n, _ := strconv.Atoi(at[len("/containers/"):])
				return "/containers/" + strconv.Itoa(n+1)
			})
		})
		return p.each(p.files(plain), func(text string) string {
			return restyle(text, func(doc *yaml.Node) {
				containers(doc, func(list *yaml.Node) {
					copied := *list.Content[0]
					copied.Content = slices.Clone(copied.Content)
					for i := 0; i+1 < len(copied.Content); i += 2 {
						if copied.Content[i].Value == "name" {
							copied.Content[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: added}
						}
					}
					list.Content = append([]*yaml.Node{&copied}, list.Content...)
				})
			})
		})
	}},
	{"a values file split in two", func(p *project) bool {
		file := filepath.Join(p.dir, "values.yaml")
		data, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		keys := topKey.FindAllStringIndex(string(data), -1)
		if len(keys) < 4 {
			return false
		}
		at := keys[len(keys)/2][0]
		for name, text := range map[string]string{file: string(data[:at]), filepath.Join(p.dir, "values-more.yaml"): string(data[at:])} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				p.t.Fatal(err)
			}
		}
		p.args = []string{"--values", "values-more.yaml"}
		return true
	}},
	{"files moved", func(p *project) bool {
		overlays := len(p.files(func(path, _ string) bool { return strings.Contains(path, "kustomization") })) > 0 // which name their files
		_, err := os.Stat(filepath.Join(p.dir, "Chart.yaml"))
		chart := err == nil // whose values may be of a kind, too
		files := p.files(func(path, text string) bool {
			return strings.Contains(text, "\nkind:") && (strings.Contains(path, "/templates/") || !overlays && !chart)
		})
		all := p.files(func(string, string) bool { return true })
		for _, file := range files {
			// a template that includes another one for a checksum names its file
			p.each(all, func(text string) string {
				return strings.ReplaceAll(text, "/"+filepath.Base(file)+`"`, "/moved-"+filepath.Base(file)+`"`)
			})
		}
		for _, file := range files {
			if err := os.Rename(file, filepath.Join(filepath.Dir(file), "moved-"+filepath.Base(file))); err != nil {
				p.t.Fatal(err)
			}
		}
		return len(files) > 0
	}},
	{"a chart's version bumped", func(p *project) bool {
		return p.each(p.files(func(path, _ string) bool { return path == filepath.Join(p.dir, "Chart.yaml") }), func(text string) string {
			return regexp.MustCompile(`(?m)^(version|appVersion): .*`).ReplaceAllString(text, "${1}: 99.9.9")
		})
	}},
	{"a release renamed", func(p *project) bool {
		p.args = []string{"--release-name", "another"}
		return len(p.files(func(path, _ string) bool { return path == filepath.Join(p.dir, "Chart.yaml") })) > 0
	}},
	{"a generator's hash changed", func(p *project) bool {
		return p.each(p.files(func(path, text string) bool { return strings.Contains(text, "Generator:") }), func(text string) string {
			return strings.ReplaceAll(text, "literals:\n", "literals:\n  - ANOTHER=value\n")
		})
	}},
}

// projects are the trees of the corpus and of the fixtures, by name.
func projects(t *testing.T) map[string]string {
	all := map[string]string{"example": "../../fixtures/example"}
	corpus, _ := filepath.Glob("../../../shared/corpus/*/*")
	if len(corpus) == 0 {
		t.Log("../shared/corpus is not there: the fixtures alone are edited")
	}
	for _, dir := range corpus {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			all[filepath.Base(filepath.Dir(dir))+"-"+filepath.Base(dir)] = dir
		}
	}
	for name, dir := range all { // the tests change the directory
		abs, err := filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = abs
	}
	if *oneProject != "" {
		return map[string]string{*oneProject: all[*oneProject]}
	}
	return all
}

// compared runs manilint in the project's directory.
func (p *project) compared(args ...string) (findings, suppressed []finding) {
	p.t.Chdir(p.dir)
	var out, err bytes.Buffer
	Run(p.t.Context(), append([]string{"-q", "-f", "json", "--no-config"}, args...), strings.NewReader(""), &out, &err)
	var report struct{ Findings, Suppressed []finding }
	if e := json.Unmarshal(out.Bytes(), &report); e != nil {
		p.t.Fatalf("%v: %v\n%s", args, e, err.String())
	}
	return report.Findings, report.Suppressed
}

func copied(t *testing.T, from string) string {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPrintsLast edits real trees so that every defect stays, and compares each with its
// own baseline.
func TestPrintsLast(t *testing.T) {
	all := projects(t)
	generated := t.TempDir()
	for name, text := range map[string]string{
		"kustomization.yaml": "resources: [pod.yaml]\nconfigMapGenerator:\n- name: settings\n  literals:\n  - DB_PASSWORD=hunter2-Str0ng\n",
		"pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: true\n  containers:\n  - {name: a, image: a, envFrom: [{configMapRef: {name: settings}}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(generated, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all["generated"] = generated
	names := []string{}
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	if !*everything { // a part of them says as much, in a tenth of the time
		few := []string{"example", "generated"}
		for i, name := range names {
			if i%4 == 0 || strings.HasPrefix(name, "plain") {
				few = append(few, name)
			}
		}
		slices.Sort(few)
		names = slices.Compact(few)
	}
	if testing.Short() {
		names = []string{"example", "generated"}
	}
	type state struct {
		findings []finding
		baseline []byte
	}
	before := map[string]state{}
	for _, name := range names {
		p := &project{t: t, dir: copied(t, all[name])}
		s := state{}
		_, suppressed := p.compared("--write-baseline", "known.jsonl")
		for _, f := range suppressed {
			if f.By == "baseline" {
				s.findings = append(s.findings, f)
			}
		}
		var err error
		if s.baseline, err = os.ReadFile(filepath.Join(p.dir, "known.jsonl")); err != nil {
			t.Fatal(err)
		}
		before[name] = s
	}
	total, same, known := 0, 0, 0
	for i, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			var n, s, k int
			for j, name := range names {
				p := &project{t: t, dir: copied(t, all[name]), rand: rand.New(rand.NewPCG(uint64(i), uint64(j))), kept: func(finding) bool { return true }}
				was := before[name].findings
				if err := os.WriteFile(filepath.Join(p.dir, "known.jsonl"), before[name].baseline, 0o644); err != nil {
					t.Fatal(err)
				}
				if len(was) == 0 || !e.edit(p) {
					continue
				}
				left, suppressed := p.compared(append(p.args, "--baseline", "known.jsonl")...)
				prints := map[string]bool{}
				for _, f := range slices.Concat(left, suppressed) {
					prints[f.Fingerprint] = true
				}
				for _, f := range was {
					if n++; prints[f.Fingerprint] {
						s++
					}
				}
				fresh := 0
				for _, f := range left {
					if p.kept(f) {
						fresh++
						t.Logf("%s: new: %s", name, f)
					}
				}
				kept := 0 // an edit that hides defects would make none new
				for _, f := range suppressed {
					if f.By == "baseline" {
						kept++
					}
				}
				k += min(kept, len(was)-min(fresh, len(was)))
				if fresh > len(was)/50 || kept < len(was) {
					t.Logf("%s: of %d findings %d are known, %d are new", name, len(was), kept, fresh)
				}
			}
			if n > 0 {
				t.Logf("%d findings: %.2f %% keep the print, %.2f %% are known", n, 100*float64(s)/float64(n), 100*float64(k)/float64(n))
			}
			total, same, known = total+n, same+s, known+k
		})
	}
	if total == 0 {
		t.Fatal("no edit changed anything")
	}
	t.Logf("all: %d findings: %.2f %% keep the print, %.2f %% are known", total, 100*float64(same)/float64(total), 100*float64(known)/float64(total))
	if 100*known < 99*total {
		t.Errorf("%d of %d findings are known after an edit that keeps them; want 99 %%", known, total)
	}
}

// TestNoNewDefectHides adds a copy of a container, and of an object, that has findings: those
// of the copy are new, all of them.
func TestNoNewDefectHides(t *testing.T) {
	all := projects(t)
	made := 0
	for name, dir := range all {
		if name != "example" && (testing.Short() || !*everything && !strings.HasPrefix(name, "plain")) {
			continue
		}
		for _, what := range []string{"container", "object"} {
			p := &project{t: t, dir: copied(t, dir), rand: rand.New(rand.NewPCG(1, 2))}
			p.compared("--write-baseline", "known.jsonl")
			// a line elsewhere that sets something for other containers, too, is one that was known
			isNew := func(f finding) bool {
				text, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(f.Location.File)))
				return err == nil && strings.Contains(f.Path, added) && strings.Contains(string(text), added)
			}
			changed := false
			if what == "container" {
				changed = edits[5].edit(p)
			} else {
				// what is wrong with the namespace of the copy was known before
				isNew = func(f finding) bool {
					return strings.HasSuffix(f.Object.Name, "-copy") && f.Rule != "namespace-default-deny"
				}
				for i, file := range p.files(plain) {
					data, err := os.ReadFile(file)
					if err != nil || strings.Contains(file, "kustomization") {
						continue
					}
					text := restyle(string(data), func(doc *yaml.Node) {
						if len(doc.Content) == 1 {
							if n := get(get(doc.Content[0], "metadata"), "name"); n != nil {
								n.Value += "-copy"
							}
						}
					})
					if err := os.WriteFile(filepath.Join(filepath.Dir(file), "copy-of-"+string(rune('a'+i%26))+filepath.Base(file)), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
					changed = true
				}
			}
			if !changed {
				continue
			}
			whole, _ := p.compared()
			left, _ := p.compared("--baseline", "known.jsonl")
			want, got := 0, 0
			for _, f := range whole {
				if isNew(f) {
					want++
				}
			}
			for _, f := range left {
				if isNew(f) {
					got++
				}
			}
			made += want
			if got != want {
				t.Errorf("%s: of %d findings of a new %s %d are new", name, want, what, got)
			}
		}
	}
	if made == 0 {
		t.Error("no edit made a defect")
	}
	t.Logf("%d new defects, none hidden", made)
}
