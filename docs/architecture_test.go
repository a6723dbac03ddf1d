package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/manilint/manilint"

// A parsedPackage is one directory of Go files.
type parsedPackage struct {
	name     string
	imports  map[string]bool // of ours, below the module; tests left out
	declared map[string]bool // names, and those of fields and methods behind their type
}

// parsedPackages returns the packages of the module by directory, as "lint/kube".
func parsedPackages(t *testing.T) map[string]*parsedPackage {
	t.Helper()
	all := map[string]*parsedPackage{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(file, ".."+string(filepath.Separator))))
		p := all[dir]
		if p == nil {
			p = &parsedPackage{imports: map[string]bool{}, declared: map[string]bool{}}
			all[dir] = p
		}
		p.name = strings.TrimSuffix(parsed.Name.Name, "_test")
		for _, i := range parsed.Imports {
			if name, _ := strconv.Unquote(i.Path.Value); strings.HasPrefix(name, module+"/") && !strings.HasSuffix(file, "_test.go") {
				p.imports[strings.TrimPrefix(name, module+"/")] = true
			}
		}
		for _, d := range parsed.Decls {
			p.declare(d)
		}
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d packages: %v", len(all), err)
	}
	return all
}

// declare adds what a declaration declares.
func (p *parsedPackage) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			recv := d.Recv.List[0].Type
			if star, ok := recv.(*ast.StarExpr); ok {
				recv = star.X
			}
			if of, ok := recv.(*ast.Ident); ok {
				name = of.Name + "." + name
			}
		}
		p.declared[name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					p.declared[name.Name] = true
				}
			case *ast.TypeSpec:
				p.declared[spec.Name.Name] = true
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						for _, name := range field.Names {
							p.declared[spec.Name.Name+"."+name.Name] = true
						}
					}
				}
			}
		}
	}
}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	identifier = regexp.MustCompile(`^([a-z]+)\.([A-Za-z]\w*(?:\.[A-Za-z]\w*)?)$`)
	ourPath    = regexp.MustCompile(`^(?:lint|render|rules|internal|docs|fixtures)(?:/[\w.-]+)*$`)
	importRow  = regexp.MustCompile("(?m)^\\| `([a-z/*]+)` \\| .* \\| (.*)\\|$")
)

// What the page of the architecture names is there.
func TestTheArchitectureNamesWhatExists(t *testing.T) {
	page := pages(t)["architecture.md"]
	byName := map[string][]*parsedPackage{}
	tests := map[string]bool{}
	for _, p := range parsedPackages(t) {
		byName[p.name] = append(byName[p.name], p)
		for name := range p.declared {
			tests[name] = strings.HasPrefix(name, "Test") || tests[name]
		}
	}
	names, paths := 0, 0
	for _, m := range quoted.FindAllStringSubmatch(page, -1) {
		word := m[1]
		id := identifier.FindStringSubmatch(word)
		switch {
		case strings.HasPrefix(word, "Test") && !tests[word]:
			t.Errorf("there is no test %s", word)
		case id != nil && byName[id[1]] != nil:
			names++
			if !slices.ContainsFunc(byName[id[1]], func(p *parsedPackage) bool { return p.declared[id[2]] }) {
				t.Errorf("package %s declares no %s", id[1], id[2])
			}
		case ourPath.MatchString(word):
			paths++
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(word))); err != nil {
				t.Errorf("there is no %s", word)
			}
		}
	}
	if names < 50 || paths < 50 {
		t.Errorf("the page names %d identifiers and %d paths: is it read as it is written?", names, paths)
	}
}

// The table of packages says what each imports: no more, and nothing that it does not.
func TestPackagesImportWhatTheArchitectureSays(t *testing.T) {
	table := map[string][]string{}
	for _, row := range importRow.FindAllStringSubmatch(pages(t)["architecture.md"], -1) {
		table[row[1]] = []string{}
		for _, m := range quoted.FindAllStringSubmatch(row[2], -1) {
			table[row[1]] = append(table[row[1]], m[1])
		}
	}
	matches := func(patterns []string, dir string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, dir)
			return ok || p == "*"
		})
	}
	used := map[string]bool{}
	for dir, p := range parsedPackages(t) {
		row := dir
		if path.Dir(dir) == "rules" {
			row = "rules/*"
		}
		allowed, ok := table[row]
		if !ok {
			if dir != "." && p.name != "docs" {
				t.Errorf("docs/architecture.md has no row for %s", dir)
			}
			continue
		}
		for name := range p.imports {
			if !matches(allowed, name) {
				t.Errorf("%s imports %s, which docs/architecture.md does not say; is the direction right?", dir, name)
			}
			for _, a := range allowed {
				if matches([]string{a}, name) {
					used[row+" "+a] = true
				}
			}
		}
	}
	for row, allowed := range table {
		for _, a := range allowed {
			if !used[row+" "+a] {
				t.Errorf("docs/architecture.md says that %s imports %s, which it does not", row, a)
			}
		}
	}
}
