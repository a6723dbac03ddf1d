package helm

import (
	"strconv"
	"strings"

	"github.com/gobwas/glob"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
	filetree "github.com/manilint/manilint/render/tree"
)

// DataFiles returns the absolute paths of the files of a chart in a directory, and of
// its subcharts, that templates read by .Files, whatever the values: a template makes
// of them what it likes, and they are no manifests on their own. It goes by what the
// templates and the values name; a path that is computed from parts alone is not known.
func DataFiles(dir string, cache *filetree.Tree) map[string]bool {
	data := map[string]bool{}
	t, failed := openTree(dir, Options{Files: cache})
	if failed != nil {
		return data
	}
	_ = t.contain("reading", func() { // what is wrong is said by the rendering
		if l, err := t.load(); err == nil {
			t.dataOf(l.Chart, l.Values, data)
		}
	})
	return data
}

var (
	templateAction = lint.Regexp(`(?s)\{\{.*?\}\}`)
	templateString = lint.Regexp("(Glob\\s+)?(\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`)")
	allFiles       = lint.Regexp(`\brange\b[^|)]*\.Files\s*-?\}\}`)
	computedFile   = lint.Regexp("\\.Files\\.(?:Get|GetBytes|Lines|Glob)\\s+[^\"`\\s]")
	formatVerb     = lint.Regexp(`%[-+# 0-9.]*[a-z]`)
)

// dataOf adds the data files of c and its subcharts to data. values are those that c
// and its subcharts see by default.
func (t *tree) dataOf(c *chart.Chart, values map[string]any, data map[string]bool) {
	for _, sub := range c.Dependencies() {
		t.dataOf(sub, sub.Values, data)
	}
	var named []string // by templates that read files
	var globs []glob.Glob
	byValue := map[string]bool{} // strings of the values, where templates read files by them
	for _, template := range c.Templates {
		text := string(template.Data)
		if !strings.Contains(text, "Files") {
			continue
		}
		if computedFile().MatchString(text) {
			texts(values, byValue)
		}
		if allFiles().MatchString(text) {
			globs = append(globs, glob.MustCompile("**"))
		}
		for _, action := range templateAction().FindAllString(text, -1) {
			for _, m := range templateString().FindAllStringSubmatch(action, -1) {
				name, err := strconv.Unquote(m[2])
				if err != nil {
					continue
				}
				pattern := formatVerb().ReplaceAllString(name, "*")
				if m[1] == "" && strings.Trim(pattern, "*./") == "" {
					continue // it does not mention which file
				}
				named = append(named, strings.Trim(name, "/"))
				if g, err := trace.CompileGlob(pattern); err == nil {
					globs = append(globs, g)
				}
			}
		}
	}
	for _, f := range c.Files {
		if len(f.Data) == 0 {
			continue
		}
		rec := t.byRef[&f.Data[0]]
		if rec == nil || rec.src.File == "" {
			continue
		}
		read := byValue[f.Name]
		for _, name := range named { // a directory, of which a template makes a path
			read = read || name != "" && strings.HasPrefix(f.Name, name+"/")
		}
		for _, g := range globs {
			read = read || g.Match(f.Name)
		}
		if read {
			data[rec.src.File] = true
		}
	}
}

// texts collects the strings in a value.
func texts(v any, into map[string]bool) {
	switch x := v.(type) {
	case string:
		into[x] = true
	case []any:
		for _, item := range x {
			texts(item, into)
		}
	case map[string]any:
		for _, item := range x {
			texts(item, into)
		}
	}
}

// ValueKeys returns the keys that the values of a chart in a directory have at the
// top: those of its values.yaml, the names of its dependencies, and global. Nil where
// the chart does not load.
func ValueKeys(dir string, cache *filetree.Tree) (keys map[string]bool) {
	t, failed := openTree(dir, Options{Files: cache})
	if failed != nil {
		return nil
	}
	if failed = t.contain("reading", func() { keys = t.valueKeys() }); failed != nil {
		return nil
	}
	return keys
}

func (t *tree) valueKeys() map[string]bool {
	keys := map[string]bool{"global": true}
	if f := t.named["values.yaml"]; f != nil {
		docs, _ := lint.ParseYAML(f.src)
		for _, doc := range docs {
			for _, field := range lint.NewNode(doc).Fields() {
				keys[field.Name()] = true
			}
		}
	}
	l, err := t.load()
	if err != nil {
		return nil
	}
	for _, d := range l.Metadata.Dependencies {
		if d != nil {
			keys[d.Name], keys[d.Alias] = true, true
		}
	}
	return keys
}
