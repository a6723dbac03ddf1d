package baseline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

var hostPath = &lint.Rule{ID: "host-path"}

// found makes a finding with prints as the engine makes them.
func found(file, object, path string, severity lint.Severity) *lint.Finding {
	kind, name, _ := strings.Cut(object, "/")
	sum := func(parts ...string) string {
		s := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		return hex.EncodeToString(s[:16])
	}
	return &lint.Finding{
		Rule: hostPath, Severity: severity, File: file, Path: path, Object: lint.Object{Kind: kind, Name: name},
		Fingerprint: sum("host-path", file, path, kind, name), Second: sum("host-path", path, kind),
	}
}

func of(findings ...*lint.Finding) *Known { return Of(&lint.Report{Findings: findings}) }

// tree is one that holds objects, written file:Kind/name, and no other file.
func tree(objects ...string) Tree {
	t := Tree{Objects: map[string][]string{}}
	files := map[string]bool{}
	for _, o := range objects {
		file, object, _ := strings.Cut(o, ":")
		files[file] = true
		if object != "" {
			t.Objects[object] = append(t.Objects[object], file)
		}
	}
	t.File = func(file string) bool { return files[file] }
	return t
}

func TestMatch(t *testing.T) {
	const path = "spec.containers[name=a]"
	twice := func(second string) []*lint.Finding {
		f, g := found("a.yaml", "Pod/a", path, lint.High), found("a.yaml", "Pod/a", path, lint.High)
		g.Fingerprint += second
		return []*lint.Finding{f, g}
	}
	// one place that shows a defect in several containers
	place := func(containers ...string) *lint.Finding {
		var all []string
		for _, c := range containers {
			all = append(all, found("a.yaml", "Pod/a", c, lint.High).Fingerprint)
		}
		f := found("a.yaml", "Pod/a", containers[0], lint.High)
		f.Prints = all[1:]
		return f
	}
	worse := place("c", "a", "b")
	worse.Severity = lint.Critical
	tests := []struct {
		name             string
		known            *Known
		now              []*lint.Finding
		tree             Tree
		fresh, old, gone int
		worse            int
	}{
		{name: "the same", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High)}, tree: tree("a.yaml:Pod/a"), old: 1},
		{name: "less severe", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.Low)}, tree: tree("a.yaml:Pod/a"), old: 1},
		{name: "more severe", known: of(found("a.yaml", "Pod/a", path, lint.Low)), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High)}, tree: tree("a.yaml:Pod/a"), worse: 1},
		{name: "fixed", known: of(found("a.yaml", "Pod/a", path, lint.Low)), tree: tree("a.yaml:Pod/a"), gone: 1},
		{name: "a second one in one field", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: twice(":2"), tree: tree("a.yaml:Pod/a"), fresh: 1, old: 1},
		{name: "the first of two is gone", known: of(twice(":2")...), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High)}, tree: tree("a.yaml:Pod/a"), old: 1, gone: 1},
		{name: "only the second is known", known: of(twice(":2")[1]), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High)}, tree: tree("a.yaml:Pod/a"), old: 1},
		{name: "another container", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High), found("a.yaml", "Pod/a", "spec.containers[name=b]", lint.High)}, tree: tree("a.yaml:Pod/a"), fresh: 1, old: 1},
		{name: "the file was moved", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("b.yaml", "Pod/a", path, lint.High)}, tree: tree("b.yaml:Pod/a"), old: 1},
		{name: "the object was renamed", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("a.yaml", "Pod/b", path, lint.High)}, tree: tree("a.yaml:Pod/b"), old: 1},
		{name: "file and object were renamed", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("b.yaml", "Pod/b", path, lint.High)}, tree: tree("b.yaml:Pod/b"), old: 1},
		{name: "moved and worse", known: of(found("a.yaml", "Pod/a", path, lint.Low)), now: []*lint.Finding{found("b.yaml", "Pod/a", path, lint.High)}, tree: tree("b.yaml:Pod/a"), fresh: 1, gone: 1},
		{name: "the object was moved to a file of its own", known: of(found("all.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("a.yaml", "Pod/a", path, lint.High)}, tree: tree("all.yaml:Pod/z", "a.yaml:Pod/a"), old: 1},
		{name: "one entry accepts one that moved", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("b.yaml", "Pod/a", path, lint.High), found("c.yaml", "Pod/a", path, lint.High)}, tree: tree("b.yaml:Pod/a", "c.yaml:Pod/a"), fresh: 1, old: 1},
		{name: "fixed here and made there", known: of(found("a.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("b.yaml", "Pod/b", path, lint.High)}, tree: tree("a.yaml:Pod/a", "b.yaml:Pod/b"), fresh: 1, gone: 1},
		{name: "one object in two files, fixed here and made there", known: of(found("dev.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("prod.yaml", "Pod/a", path, lint.High)}, tree: tree("dev.yaml:Pod/a", "prod.yaml:Pod/a"), fresh: 1, gone: 1},
		{
			name:  "deleted here, and made in an object that was known",
			known: of(found("a.yaml", "Pod/a", path, lint.High), found("b.yaml", "Pod/b", "spec.hostPID", lint.High)),
			now:   []*lint.Finding{found("b.yaml", "Pod/b", path, lint.High), found("b.yaml", "Pod/b", "spec.hostPID", lint.High)}, tree: tree("b.yaml:Pod/b"), fresh: 1, old: 1, gone: 1,
		},
		{name: "a values file was split", known: of(found("values.yaml", "Pod/a", path, lint.High)), now: []*lint.Finding{found("values-more.yaml", "Pod/a", path, lint.High)}, tree: tree("values.yaml", "values-more.yaml", "t.yaml:Pod/a"), old: 1},
		{name: "a container was added to those of one place", known: of(place("b", "c")), now: []*lint.Finding{place("a", "b", "c")}, tree: tree("a.yaml:Pod/a"), old: 1},
		{name: "the first container of a place is gone", known: of(place("a", "b", "c")), now: []*lint.Finding{place("c")}, tree: tree("a.yaml:Pod/a"), old: 1},
		{name: "a container of a place, and worse", known: of(place("a", "b")), now: []*lint.Finding{worse}, tree: tree("a.yaml:Pod/a"), worse: 1},
		{name: "one place became two", known: of(place("a", "b")), now: []*lint.Finding{place("a"), place("b")}, tree: tree("a.yaml:Pod/a"), old: 1, fresh: 1},
		{name: "another place", known: of(place("a", "b")), now: []*lint.Finding{place("c", "d")}, tree: tree("a.yaml:Pod/a"), fresh: 1, gone: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := test.known.Match(test.now, test.tree)
			if len(m.New) != test.fresh || len(m.Known) != test.old || len(m.Worse) != test.worse || len(m.Gone) != test.gone {
				t.Errorf("%d new, %d known, %d worse, %d gone; want %d, %d, %d, %d", len(m.New), len(m.Known), len(m.Worse), len(m.Gone), test.fresh, test.old, test.worse, test.gone)
			}
		})
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	several := found("b.yaml", "Pod/<b>", "spec.x", lint.Low)
	several.Prints = []string{strings.Repeat("0", 32), strings.Repeat("1", 32)}
	known := of(several, found("a.yaml", "Pod/ü", `metadata.labels."a.b/c"`, lint.Critical))
	var text bytes.Buffer
	if err := known.Write(&text); err != nil {
		t.Fatal(err)
	}
	if want := "{\"schema\": \"manilint-baseline/v1\"}\n{\"fingerprint\": \""; !strings.HasPrefix(text.String(), want) {
		t.Errorf("the file begins with %q", text.String()[:60])
	}
	read, errs := Read(lint.NewSource("b", text.Bytes()))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for i := range read.Entries {
		if line := read.Entries[i].Span.Start.Line; line != i+2 {
			t.Errorf("entry %d is said to be on line %d", i, line)
		}
		read.Entries[i].Span = lint.Span{}
	}
	if !reflect.DeepEqual(read.Entries, known.Entries) || known.Entries[0].File != "a.yaml" {
		t.Errorf("wrote %v, read %v", known.Entries, read.Entries)
	}
}

func TestADamagedFileIsAnErrorWithTheLine(t *testing.T) {
	var text bytes.Buffer
	if err := of(found("a.yaml", "Pod/a", "spec.x", lint.Low)).Write(&text); err != nil {
		t.Fatal(err)
	}
	head, entry, _ := strings.Cut(text.String(), "\n")
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "b:1:1: the baseline is empty"},
		{"no header", entry, `b:1:1: a baseline begins with the line {"schema": "manilint-baseline/v1"}`},
		{"a schema of the future", `{"schema": "manilint-baseline/v9"}`, `this one has the schema "manilint-baseline/v9"`},
		{"cut off", head + "\n" + entry[:40], "b:2:1: the baseline is damaged: the line is not a JSON object"},
		{"a conflict", head + "\n<<<<<<< HEAD\n" + entry, "b:2:1: the baseline holds a merge conflict"},
		{"a list", head + "\n[]\n", "b:2:1: the baseline is damaged"},
		{"a print that is none", head + "\n" + strings.Replace(entry, `"fingerprint": "`, `"fingerprint": "x`, 1), "b:2:1: the baseline is damaged: fingerprint is missing"},
		{"an unknown severity", head + "\n" + strings.Replace(entry, `"low"`, `"lowest"`, 1), "b:2:1: the baseline is damaged: severity"},
		{"no severity", head + "\n" + strings.Replace(entry, `"severity": "low", `, "", 1), "b:2:1: the baseline is damaged: severity is missing"},
	} {
		_, errs := Read(lint.NewSource("b", []byte(test.text)))
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, errs, test.want)
		}
	}
	for name, text := range map[string]string{"twice": head + "\n" + entry + entry, "two headers": head + "\n" + head + "\n" + entry, "CRLF and blank lines": head + "\r\n\r\n" + strings.TrimSpace(entry) + "\r\n"} {
		if k, errs := Read(lint.NewSource("b", []byte(text))); len(errs) > 0 || len(k.Entries) != 1 {
			t.Errorf("%s: %v, %v", name, k.Entries, errs)
		}
	}
}
