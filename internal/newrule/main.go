// Newrule starts a rule: its value in the package of its group, its page, and a fixture
// with a finding and near misses. What it writes compiles and passes the tests as it is:
// the rule reports pods that set one field to true. The author then writes the check.
//
//	go run ./internal/newrule -group pod -field hostPID share-process-ids
//
// It overwrites nothing, and writes into the working directory alone, the root of the
// repository.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/rules"
)

func main() {
	group := flag.String("group", "pod", "the group of the rule, which is its package")
	field := flag.String("field", "example", "a field of pods that the first draft reports where it is true")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: newrule [-group GROUP] [-field FIELD] ID")
		os.Exit(2)
	}
	written, err := write(".", *group, flag.Arg(0), *field)
	for _, path := range written {
		fmt.Println(path)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "newrule: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("next: write the check, the page and the fixtures, then\n\tgo test ./rules ./docs . -update\n\tgo test ./rules -run '/%s'\n", flag.Arg(0))
}

// What the files are made of.
type draft struct{ ID, Name, Group, Field string }

var files = []struct{ path, text string }{
	{"rules/{{.Group}}/{{.File}}.go", `package {{.Group}}

import "github.com/manilint/manilint/lint"

// {{.Name}} reports pods that set {{.Field}}.
var {{.Name}} = &lint.Rule{
	ID:       "{{.ID}}",
	Summary:  "pod sets {{.Field}}",
	Severity: lint.Medium,
	Group:    "{{.Group}}",
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, pod := range pass.PodSpecs() {
			if n := pod.Get("{{.Field}}"); n.IsTrue() {
				pass.Reportf(n, "%s sets {{.Field}}", pod.Resource).Help = "remove {{.Field}}"
			}
		}
	},
}
`},
	{"rules/{{.Group}}/{{.File}}.md", `# {{.ID}}

A pod sets ` + "`{{.Field}}: true`" + `.

## Why

What an attacker, or a failure, gets from it, in two or three sentences.

## Bad

` + "```yaml" + `
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  {{.Field}}: true
  containers:
    - name: web
      image: registry.example/web:1.4.2
` + "```" + `

## Good

` + "```yaml" + `
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example/web:1.4.2
` + "```" + `

## When to ignore

Where it is needed, and what then limits the damage.

## References

- <https://kubernetes.io/docs/concepts/workloads/pods/>
`},
	{"fixtures/rules/{{.ID}}/pods.yaml", `apiVersion: v1
kind: Pod
metadata: {name: bad}
spec:
  {{.Field}}: true # want medium ".*bad.* sets {{.Field}}$"
  containers: [{name: a, image: i}]
---
# near misses: false, text, and nothing
apiVersion: v1
kind: Pod
metadata: {name: off}
spec:
  {{.Field}}: false
  containers: [{name: a, image: i}]
---
apiVersion: v1
kind: Pod
metadata: {name: quoted}
spec:
  {{.Field}}: "true"
  containers: [{name: a, image: i}]
---
apiVersion: v1
kind: Pod
metadata: {name: unset}
spec:
  containers: [{name: a, image: i}]
`},
}

// write writes the files of a rule below root, adds the rule to the list of its group
// and returns the paths.
func write(root, group, id, field string) (written []string, err error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`).MatchString(id) {
		return nil, fmt.Errorf("%q is no id: write small letters, digits and dashes", id)
	}
	if !regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`).MatchString(field) {
		return nil, fmt.Errorf("%q is no field: write it as hostPID", field)
	}
	if lint.FindRule(rules.All(), id) != nil {
		return nil, fmt.Errorf("there is a rule %s", id)
	}
	list, source, err := listOf(root, group)
	if err != nil {
		return nil, err
	}
	d := draft{ID: id, Group: group, Field: field}
	for part := range strings.SplitSeq(id, "-") {
		d.Name += strings.ToUpper(part[:1]) + part[1:]
	}
	if added, err := added(source, d.Name); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	} else if source = added; bytes.Contains(source, []byte("var "+d.Name+" ")) {
		return nil, fmt.Errorf("package %s declares %s", group, d.Name)
	}
	for _, f := range files {
		path := filepath.Join(root, filepath.FromSlash(d.fill(f.path)))
		if _, err := os.Lstat(path); err == nil {
			return written, fmt.Errorf("%s is there already", path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return written, err
		}
		if err := os.WriteFile(path, []byte(d.fill(f.text)), 0o644); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return append(written, list), os.WriteFile(list, source, 0o644)
}

// File returns the id as file names have it.
func (d draft) File() string { return strings.ReplaceAll(d.ID, "-", "_") }

func (d draft) fill(text string) string {
	var b strings.Builder
	if err := template.Must(template.New("").Parse(text)).Execute(&b, d); err != nil {
		panic(err) // the templates are constants
	}
	return b.String()
}

var lists = regexp.MustCompile(`(?m)^var Rules = [^{]*\{`)

// listOf returns the file that lists the rules of a group.
func listOf(root, group string) (path string, source []byte, err error) {
	found, _ := filepath.Glob(filepath.Join(root, "rules", group, "*.go"))
	for _, path := range found {
		source, err := os.ReadFile(path)
		if err != nil {
			return "", nil, err
		}
		if lists.Match(source) {
			return path, source, nil
		}
	}
	var groups []string
	for _, r := range rules.All() {
		if r.Group != "engine" && !slices.Contains(groups, r.Group) {
			groups = append(groups, r.Group)
		}
	}
	return "", nil, fmt.Errorf("there is no group %q here; one of %s, in the root of the repository", group, strings.Join(groups, ", "))
}

// added adds a name to the first list of Rules.
func added(source []byte, name string) ([]byte, error) {
	from := lists.FindIndex(source)[1]
	to := from + bytes.IndexByte(source[from:], '}')
	item := ", " + name
	if source[to-1] == '\n' {
		item = "\t" + name + ",\n"
	}
	return format.Source(slices.Concat(source[:to], []byte(item), source[to:]))
}
