// Package hostile holds the inputs of somebody who wants the program to fail, made when the
// test runs, and what is promised of them: see SECURITY.md. MANILINT_HOSTILE=all runs those
// that take long, too.
package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What one hostile input may cost at the most, with the limits of [limited].
const (
	hostileTime   = 60 * time.Second
	hostileMemory = 3 << 30 // bytes
)

// limited are flags that end soon what would end later.
var limited = []string{"--limit-time", "10s"}

// A hostile input is a tree that somebody who wants the program to fail could commit.
type hostile struct {
	name string
	make func(d dir)
	// says must be in what is printed about the input; "" where a normal result is right.
	says string
	// slow inputs are run only where MANILINT_HOSTILE requests all.
	slow bool
}

// dir writes files below a directory.
type dir struct {
	t    testing.TB
	path string
}

func (d dir) file(name, text string) {
	d.t.Helper()
	d.stream(name, func(w io.Writer) { io.WriteString(w, text) })
}

func (d dir) stream(name string, write func(io.Writer)) {
	d.t.Helper()
	path := filepath.Join(d.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	write(f)
}

func (d dir) repeat(name, text string, n int) {
	d.stream(name, func(w io.Writer) {
		var b bytes.Buffer
		for range n {
			b.WriteString(text)
			if b.Len() > 1<<20 {
				w.Write(b.Bytes())
				b.Reset()
			}
		}
		w.Write(b.Bytes())
	})
}

func (d dir) link(name, target string) {
	d.t.Helper()
	path := filepath.Join(d.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		d.t.Fatal(err)
	}
}

func (d dir) fifo(name string) {
	d.t.Helper()
	path := filepath.Join(d.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

const podText = `apiVersion: v1
kind: Pod
metadata: {name: p%d, namespace: shop}
spec:
  containers:
  - {name: c, image: "nginx:1"}
`

// chart writes a chart of one template.
func (d dir) chart(template string) {
	d.file("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n")
	d.file("chart/values.yaml", "a: x\nlist: [a, b]\n")
	d.file("chart/templates/x.yaml", template)
}

// template makes a chart whose one template does something endless and then writes a pod.
func template(text string) func(dir) {
	return func(d dir) { d.chart(text + "\n---\n" + fmt.Sprintf(podText, 1)) }
}

// nested returns before n times, then middle, then after n times.
func nested(before, middle, after string, n int) string {
	return strings.Repeat(before, n) + middle + strings.Repeat(after, n)
}

// archive packs files, by name, into a .tgz.
func archive(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

// selfDict makes a dictionary that holds itself.
const selfDict = `{{ $d := dict "a" 1 }}{{ $_ := set $d "d" $d }}{{ $l := list $d }}`

// deepDict makes a dictionary of n levels.
func deepDict(n int) string {
	return fmt.Sprintf(`{{ $s := dict "d" (dict) }}{{ range until %d }}{{ $_ := set $s "d" (dict "k" $s.d) }}{{ end }}`, n)
}

func selfDictInputs() []hostile {
	var all []hostile
	for _, f := range []string{
		"$d | toYaml", "$d | toJson", "$d | toPrettyJson", "$d | toRawJson", "$d | toToml", "$d | html", "$d | js", "$d | urlquery", "$l | sortAlpha", "$d | toStrings", "$d | int", "$d | float64",
		"$d | toDecimal", "max $d 1", "add $d 1", "print $d", `printf "%v" $d`, `printf "%#v" $d`, "$d | quote", "$d | squote", "$d | toString", "deepCopy $d", "deepEqual $d $d", "eq $d $d", "merge (dict) $d",
		"mergeOverwrite (dict) $d", "mustMerge (dict) $d", "mustDeepCopy $d", "$l | uniq", "has $d $l", "without $l $d", "$l | join \"-\"", "$d | kindOf", "$d | cat", "$l | compact", "$d | b64enc",
		`tpl "{{ . }}" $d`, `tpl (toString $d) .`, "hasKey $d \"a\"", "dig \"d\" \"d\" \"a\" 1 $d", "$d | trim", "$d | sha256sum", "ternary $d $d true", "$d | default $d", "empty $d", "coalesce $d $d", "concat $l $l", "$d | nindent 2", "pluck \"d\" $d $d", "values $d", "pick $d \"d\"", "omit $d \"a\"", "append $l $d", "len $d",
	} {
		all = append(all, hostile{name: "a dictionary that holds itself: " + f, make: template(selfDict + "{{ $x := " + f + " }}a: {{ $x }}")})
	}
	for _, f := range []string{"$s | toYaml", "$s | toJson", "print $s", "deepCopy $s", "deepEqual $s $s", "eq $s $s", "merge (dict) $s", "$s | toToml", "$s | html", "$s | quote", `printf "%v" $s`, "$s | int", "list $s | uniq", "toDecimal $s"} {
		all = append(all, hostile{name: "a dictionary of two million levels: " + f, make: template(deepDict(2000000) + "{{ $x := " + f + " }}a: {{ $x }}")})
	}
	return all
}

// growing are templates that grow text or lists without bounds.
func growing() []hostile {
	doubling := func(step string) string {
		return `{{ $s := dict "v" "xxxxxxxxxxxxxxxx" }}{{ range until 60 }}{{ $_ := set $s "v" (` + step + `) }}{{ end }}{{ $s.v }}`
	}
	lists := func(step string) string {
		return `{{ $s := dict "v" (list 1 2 3 4) }}{{ range until 60 }}{{ $_ := set $s "v" (` + step + `) }}{{ end }}{{ len $s.v }}`
	}
	texts := map[string]string{
		"repeat":                       `{{ repeat 2000000000 "x" }}`,
		"repeat of repeat":             `{{ repeat 100000 (repeat 100000 "x") }}`,
		"printf width":                 `{{ printf "%2000000000d" 1 }}`,
		"printf star width":            `{{ printf "%*d" 2000000000 1 }}`,
		"printf precision":             `{{ printf "%.2000000000f" 1.0 }}`,
		"print doubling":               doubling(`print $s.v $s.v`),
		"printf doubling":              doubling(`printf "%s%s" $s.v $s.v`),
		"cat doubling":                 doubling(`cat $s.v $s.v`),
		"replace":                      doubling(`replace "x" "xxxx" $s.v`),
		"regexReplaceAll":              doubling(`regexReplaceAll "." $s.v "${0}${0}${0}"`),
		"regexReplaceAllLiteral":       doubling(`regexReplaceAllLiteral "." $s.v "xyz"`),
		"join doubling":                doubling(`join $s.v (list $s.v $s.v $s.v)`),
		"b64enc":                       doubling(`b64enc (b64enc (b64enc $s.v))`),
		"b32enc":                       doubling(`b32enc (b32enc (b32enc $s.v))`),
		"toJson escapes":               doubling(`toJson (toJson (list "\"" $s.v $s.v))`),
		"toYaml":                       doubling(`toYaml (list $s.v $s.v)`),
		"indent":                       doubling(`indent 100000 (print $s.v "\n" $s.v)`),
		"quote":                        doubling(`quote $s.v $s.v`),
		"html":                         doubling(`html (print "<" $s.v $s.v)`),
		"urlquery":                     doubling(`urlquery $s.v " " $s.v`),
		"js":                           doubling(`js (print "'" $s.v $s.v)`),
		"wrap":                         doubling(`wrapWith 1 (repeat 100 "y") $s.v`),
		"tpl":                          doubling(`tpl "{{ .v }}{{ .v }}" $s`),
		"snakecase":                    doubling(`print (snakecase $s.v) (camelcase $s.v)`),
		"nospace, shuffle":             doubling(`shuffle (print $s.v $s.v)`),
		"splitList":                    doubling(`join "ab" (splitList "" $s.v)`),
		"concat":                       lists(`concat $s.v $s.v`),
		"append":                       lists(`concat $s.v (append $s.v 1)`),
		"until":                        `{{ range until 2000000000 }}{{ end }}`,
		"until kept":                   `{{ $l := until 2000000000 }}{{ len $l }}`,
		"untilStep past the integers":  `{{ range untilStep 0 9223372036854775807 1 }}{{ end }}`,
		"untilStep 0":                  `{{ range untilStep 0 10 0 }}x{{ end }}`,
		"seq":                          `{{ seq 0 2000000000 }}`,
		"range over a constant":        `{{ range 9223372036854775807 }}{{ end }}`,
		"range of ranges":              `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`,
		"range of ranges with text":    `{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}`,
		"randAlpha":                    `{{ randAlpha 2000000000 }}`,
		"randAlphaNum of a negative":   `{{ randAlphaNum -1 }}`,
		"randBytes":                    `{{ randBytes 2000000000 }}`,
		"chunk":                        `{{ chunk 1 (until 30000000) }}`,
		"regexFindAll":                 `{{ len (regexFindAll "x" (repeat 50000000 "x") -1) }}`,
		"a large regular expression":   `{{ regexMatch "((((((x{100}){100}){100}){100}){100}){100})" "x" }}`,
		"derivePassword":               `{{ range until 10000 }}{{ derivePassword 1 "long" "p" "u" "s" }}{{ end }}`,
		"bcrypt":                       `{{ range until 10000 }}{{ bcrypt "x" }}{{ end }}`,
		"genCA":                        `{{ range until 10000 }}{{ (genCA "x" 1).Cert }}{{ end }}`,
		"genPrivateKey":                `{{ range until 10000 }}{{ genPrivateKey "rsa" }}{{ end }}`,
		"a template that calls itself": `{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`,
		"template action, itself":      `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"tpl that calls itself":        `{{ $t := "{{ tpl .t . }}" }}{{ tpl $t (dict "t" $t "Template" .Template) }}`,
		"two templates in turn":        `{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}`,
		"fibonacci of includes":        `{{ define "f" }}{{ if gt (int .) 1 }}{{ include "f" (sub . 1) }}{{ include "f" (sub . 2) }}{{ end }}{{ end }}{{ include "f" 80 }}`,
		"fromYaml deep":                `{{ fromYaml (print (repeat 500000 "[") (repeat 500000 "]")) }}`,
		"fromYaml deep mappings":       `{{ fromYaml (repeat 500000 "{a: ") }}`,
		"fromJson deep":                `{{ fromJson (print (repeat 5000000 "[") (repeat 5000000 "]")) }}`,
		"fromYamlArray aliases":        `{{ $a := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n" }}{{ toYaml (fromYaml $a) }}`,
		"fromToml deep":                `{{ fromToml (print "a = " (repeat 1000000 "[") (repeat 1000000 "]")) }}`,
		"fromToml nested tables":       `{{ fromToml (print "[a" (repeat 100000 ".a") "]") }}`,
		"negative slice":               `{{ slice (list 1 2) 5 1 }}`,
		"substr":                       `{{ substr -5 -1 "abc" }}{{ trunc -9 "abc" }}{{ abbrev 1 "abcdef" }}`,
		"toDecimal, semver":            `{{ semver (repeat 10000000 "1.") }}`,
		"division by zero":             `{{ div 1 0 }}{{ mod 1 0 }}`,
		"atoi, int64":                  `{{ until (int "-1") }}{{ repeat -1 "x" }}`,
		"indent of a negative":         `{{ indent -1 "x" }}{{ nindent -5 "x" }}`,
		"trimAll, nil":                 `{{ trimAll .Values.nothing "x" }}{{ index .Values.list 99 }}`,
	}
	var all []hostile
	for name, text := range texts {
		all = append(all, hostile{name: "template: " + name, make: template(text)})
	}
	slices.SortFunc(all, func(a, b hostile) int { return strings.Compare(a.name, b.name) })
	return append(all,
		hostile{name: "template: output of 200 MB", make: template(`{{ range until 2000000 }}# xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` + "\n{{ end }}")},
		hostile{name: "template: 200,000 pods", slow: true, make: template("{{ range until 200000 }}---\napiVersion: v1\nkind: Pod\nmetadata: {name: p{{ . }}}\nspec: {containers: [{name: c, image: nginx}]}\n{{ end }}")},
		hostile{name: "template: if nested 100,000 times", make: template(nested("{{ if true }}", "a: b", "{{ end }}", 100000))},
		hostile{name: "template: range nested 30 times", make: template(nested("{{ range until 10 }}", "a", "{{ end }}", 30))},
		hostile{name: "template: with nested 1,000,000 times", make: template(nested("{{ with . }}", "a: b", "{{ end }}", 1000000))},
		hostile{name: "template: parentheses nested 1,000,000 times", make: template("{{ " + nested("(", "1", ")", 1000000) + " }}")},
		hostile{name: "template: pipeline of 1,000,000 steps", make: template("{{ 1" + strings.Repeat(" | quote", 1000000) + " }}")},
		hostile{name: "template: else if, 100,000 of them", make: template("{{ if false }}" + strings.Repeat("{{ else if false }}", 100000) + "{{ end }}")},
		hostile{name: "template: chain of 20,000 definitions", make: func(d dir) {
			var b strings.Builder
			for i := range 20000 {
				fmt.Fprintf(&b, "{{ define \"d%d\" }}{{ include \"d%d\" . }}{{ end }}\n", i, i+1)
			}
			d.chart(b.String() + `{{ define "d20000" }}x{{ end }}a: {{ include "d0" . }}`)
		}},
		hostile{name: "template: doubling chain of definitions", make: func(d dir) {
			var b strings.Builder
			for i := range 60 {
				fmt.Fprintf(&b, "{{ define \"d%d\" }}{{ include \"d%d\" . }}{{ include \"d%d\" . }}{{ end }}\n", i, i+1, i+1)
			}
			d.chart(b.String() + `{{ define "d60" }}x{{ end }}a: {{ include "d0" . }}`)
		}},
	)
}

// dependencies makes a chart with one entry in the list of dependencies of a file.
func dependencies(file, entry string) func(dir) {
	return func(d dir) {
		d.chart(fmt.Sprintf(podText, 1))
		if file == "requirements.yaml" {
			d.file("chart/Chart.yaml", "apiVersion: v1\nname: c\nversion: 1.0.0\n")
			d.file("chart/requirements.yaml", "dependencies: ["+entry+"]\n")
			return
		}
		d.file("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: ["+entry+"]\n")
	}
}

func charts() []hostile {
	return []hostile{
		{name: "a dependency that is only a version", make: dependencies("Chart.yaml", "{version: 1.0.0}"), says: "Chart.yaml"},
		{name: "a dependency that is empty", make: dependencies("Chart.yaml", "{}"), says: "Chart.yaml"},
		{name: "a dependency that is only an alias", make: dependencies("Chart.yaml", "{alias: x}"), says: "Chart.yaml"},
		{name: "a dependency that is null", make: dependencies("Chart.yaml", "null"), says: "Chart.yaml"},
		{name: "a requirement that is only a version", make: dependencies("requirements.yaml", "{version: 1.0.0}"), says: "requirements.yaml"},
		{name: "a requirement that is null", make: dependencies("requirements.yaml", "null"), says: "bad/chart"},
		{name: "10,000 missing dependencies", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.stream("chart/Chart.yaml", func(w io.Writer) {
				io.WriteString(w, "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n")
				for i := range 10000 {
					fmt.Fprintf(w, "- {name: d%d, version: 1.0.0, repository: https://charts.example}\n", i)
				}
			})
		}, says: "Chart.yaml"},
		{name: "10,000 aliases of one dependency", slow: true, make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("chart/charts/dep/Chart.yaml", "apiVersion: v2\nname: dep\nversion: 1.0.0\n")
			d.file("chart/charts/dep/templates/p.yaml", fmt.Sprintf(podText, 2))
			d.stream("chart/Chart.yaml", func(w io.Writer) {
				io.WriteString(w, "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n")
				for i := range 10000 {
					fmt.Fprintf(w, "- {name: dep, version: 1.0.0, alias: a%d}\n", i)
				}
			})
		}},
		{name: "a file:// dependency on itself", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: c, version: 1.0.0, repository: \"file://../chart\"}]\n")
		}},
		{name: "archives in archives", make: func(d dir) {
			big := bytes.Repeat([]byte{' '}, 60<<20)
			inner := archive(d.t, map[string][]byte{"in/Chart.yaml": []byte("apiVersion: v2\nname: in\nversion: 1.0.0\n"), "in/values.yaml": big})
			files := map[string][]byte{"out/Chart.yaml": []byte("apiVersion: v2\nname: out\nversion: 1.0.0\n")}
			for i := range 60 {
				files[fmt.Sprintf("out/charts/in%d.tgz", i)] = inner
			}
			d.file("out.tgz", string(archive(d.t, files)))
		}, says: "out.tgz"},
		{name: "an archive whose first entry is very large", make: func(d dir) {
			d.stream("big.tgz", func(out io.Writer) {
				z := gzip.NewWriter(out)
				w := tar.NewWriter(z)
				const size = 4 << 30
				w.WriteHeader(&tar.Header{Name: "c/padding", Mode: 0o644, Size: size})
				zeros := make([]byte, 1<<20)
				for range size / len(zeros) {
					w.Write(zeros)
				}
				w.WriteHeader(&tar.Header{Name: "c/Chart.yaml", Mode: 0o644, Size: 1})
				w.Write([]byte("a"))
				w.Close()
				z.Close()
			})
		}, slow: true},
		{name: "schema: anyOf of anyOf", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			schema := `{"not":{}}`
			for range 18 {
				schema = `{"anyOf":[{"allOf":[` + schema + `]},{"oneOf":[` + schema + `]}]}`
			}
			d.file("chart/values.schema.json", schema)
		}},
		{name: "schema: references that double", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			var b strings.Builder
			b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
			for i := range 60 {
				fmt.Fprintf(&b, `"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"not":{"$ref":"#/$defs/d%d"}}]},`, i, i+1, i+1)
			}
			d.file("chart/values.schema.json", b.String()+`"d60":{"not":{}}}}`)
		}},
		{name: "schema: 5,000 levels", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("chart/values.schema.json", nested(`{"properties":{"a":`, `{}`, `}}`, 5000))
		}},
		{name: "schema: 1,000,000 levels", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("chart/values.schema.json", nested(`{"not":`, `{}`, `}`, 1000000))
		}, says: "chart"},
		{name: "schema: a loop of references", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("chart/values.schema.json", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`)
		}, says: "chart"},
		{name: "values nested 100,000 times", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1) + "# {{ toYaml .Values }}")
			d.file("chart/values.yaml", "a: "+nested("[", "1", "]", 100000))
		}, says: "values.yaml"},
		{name: "values with aliases that explode", make: func(d dir) {
			d.chart("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: {{ toYaml .Values | quote }}}\n")
			d.file("chart/values.yaml", bomb(9))
		}, says: "values.yaml"},
		{name: "slow with each of 20 sets of values", slow: true, make: func(d dir) {
			d.chart(`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`)
			for i := range 20 {
				d.file(fmt.Sprintf("chart/ci/%d-values.yaml", i), "a: b\n")
			}
		}, says: "chart"},
		{name: "30 releases of one slow chart", slow: true, make: func(d dir) {
			d.chart(`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`)
			for i := range 30 {
				d.file(fmt.Sprintf("r%d.yaml", i), fmt.Sprintf("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r%d, namespace: shop}\nspec:\n  chart: {spec: {chart: bad/chart, sourceRef: {kind: GitRepository, name: g}}}\n  values: {a: %d}\n", i, i))
			}
		}, says: "chart"},
	}
}

// bomb is YAML of n levels of lists of nine aliases each.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range n {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i), 9), ", "))
	}
	return b.String()
}

func yamlFiles() []hostile {
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\n"
	return []hostile{
		{name: "yaml: 60 MB of documents", slow: true, make: func(d dir) { d.repeat("a.yaml", "---\n"+head+"data: {a: b}\n", 700000) }},
		{name: "yaml: one document of 60 MB", slow: true, make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, head+"data:\n")
				for i := range 2000000 {
					fmt.Fprintf(w, "  key-%d: some value\n", i)
				}
			})
		}},
		{name: "yaml: 100,000 broken documents", make: func(d dir) { d.repeat("a.yaml", "---\napiVersion: v1\nkind: Pod\na: [\n", 100000) }, says: "a.yaml"},
		{name: "yaml: 100,000 ignore comments", make: func(d dir) {
			d.file("a.yaml", head+"data:\n"+strings.Repeat("  # manilint:ignore[host-path] until=2099-01-01 why\n", 100000)+"  a: b\n")
		}},
		{name: "yaml: 100,000 ignore comments with objects", make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				for i := range 10000 {
					fmt.Fprintf(w, "---\n# manilint:ignore[host-path] why\n"+podText, i)
				}
			})
		}},
		{name: "yaml: pods of 5 MB in one line", slow: true, make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, `{"apiVersion":"v1","kind":"List","items":[`)
				for i := range 40000 {
					fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p%d","namespace":"n"},"spec":{"containers":[{"name":"c","image":"nginx"}]}},`, i)
				}
				io.WriteString(w, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}}]}`)
			})
		}},
		{name: "yaml: brackets with 6,000,000 values in lines", slow: true, make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n  generators: [{list: {elements: [\n")
				io.WriteString(w, strings.Repeat("    {a: 1},\n", 2000000))
				io.WriteString(w, "  ]}}]\n")
			})
		}, says: "bad/a.yaml"},
		{name: "yaml: a sparse file of 4 GiB", make: func(d dir) {
			d.file("a.yaml", head)
			if err := os.Truncate(filepath.Join(d.path, "a.yaml"), 4<<30); err != nil {
				d.t.Skip(err)
			}
		}, says: "a.yaml"},
		{name: "yaml: lists nested 1,000,000 times", make: func(d dir) { d.file("a.yaml", head+"data: "+nested("[", "1", "]", 1000000)) }, says: "a.yaml"},
		{name: "yaml: mappings nested 1,000,000 times", make: func(d dir) { d.file("a.yaml", head+"data: "+strings.Repeat("{a: ", 1000000)) }, says: "a.yaml"},
		{name: "yaml: block lists nested 5,000 times", make: func(d dir) { d.file("a.yaml", head+"data:\n"+strings.Repeat("- ", 5000)+"a\n") }},
		{name: "json nested 1,000,000 times", make: func(d dir) {
			d.file("a.json", `{"apiVersion":"v1","kind":"ConfigMap","data":`+strings.Repeat(`{"a":`, 1000000))
		}, says: "a.json"},
		{name: "yaml: aliases that explode", make: func(d dir) { d.file("a.yaml", head+bomb(9)) }, says: "a.yaml"},
		{name: "yaml: aliases that explode a little, in 3,000 documents", make: func(d dir) { d.repeat("a.yaml", "---\n"+head+bomb(3), 3000) }},
		{name: "yaml: an alias inside its own anchor", make: func(d dir) { d.file("a.yaml", head+"data: &a\n  b: *a\n") }},
		{name: "yaml: merge keys in a circle", make: func(d dir) { d.file("a.yaml", head+"data: &a\n  <<: *a\n  b: c\n") }},
		{name: "yaml: merge keys that double", make: func(d dir) {
			var b strings.Builder
			b.WriteString("x0: &x0 {a: b}\n")
			for i := range 60 {
				fmt.Fprintf(&b, "x%d: &x%d\n  <<: [*x%d, *x%d]\n", i+1, i+1, i, i)
			}
			d.file("a.yaml", head+b.String()+"data: *x60\n")
		}},
		{name: "yaml: 200,000 anchors", make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, head+"data:\n")
				for i := range 200000 {
					fmt.Fprintf(w, "  k%d: &a%d v\n", i, i)
				}
			})
		}},
		{name: "yaml: 100,000 equal keys", make: func(d dir) { d.file("a.yaml", head+"data:\n"+strings.Repeat("  a: b\n", 100000)) }},
		{name: "yaml: 5 MB of base64", make: func(d dir) { d.file("a.yaml", head+"data:\n  a: "+strings.Repeat("QUJD", 1300000)+"\n") }},
		{name: "yaml: 5 MB of base64 in lines", make: func(d dir) {
			d.file("a.yaml", head+"data:\n  a: |\n"+strings.Repeat("    "+strings.Repeat("aGVsbG8gd29ybGQh", 4)+"\n", 80000))
		}},
		{name: "yaml: 2 MB of PEM lines", make: func(d dir) {
			d.file("a.yaml", head+"data:\n  a: |\n"+strings.Repeat("    -----BEGIN RSA PRIVATE KEY-----\n", 60000))
		}},
		{name: "yaml: script of 400,000 lines", make: func(d dir) {
			d.file("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - name: c\n    image: nginx:1\n    command: [sh, -c]\n    args:\n    - |\n"+strings.Repeat("      \n", 200000)+strings.Repeat("      export PASSWORD=hunter2Hunter2\n", 3000))
		}},
		{name: "yaml: one container with 50,000 variables", make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - name: c\n    image: nginx:1\n    env:\n")
				for i := range 50000 {
					fmt.Fprintf(w, "    - {name: V%d, value: \"$(V%d)\"}\n", i, i+1)
				}
			})
		}},
		{name: "yaml: a name of 5 MB", make: func(d dir) {
			d.file("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: "+strings.Repeat("a", 5<<20)+", namespace: shop}\nspec: {containers: [{name: c, image: nginx}]}\n")
		}},
		{name: "yaml: 5,000 policies over 5,000 pods", slow: true, make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				for i := range 5000 {
					fmt.Fprintf(w, "---\n"+podText, i)
					fmt.Fprintf(w, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n%d, namespace: shop}\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {a: b%d}}}]}]}\n", i, i)
				}
			})
		}},
		{name: "yaml: 1,500 roles that take each other in", make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				for i := range 1500 {
					fmt.Fprintf(w, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r%d, labels: {agg: \"yes\"}}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {agg: \"yes\"}}]}\nrules: [{apiGroups: [\"\"], resources: [secrets], verbs: [get]}]\n", i)
					fmt.Fprintf(w, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b%d}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r%d}\nsubjects: [{kind: ServiceAccount, name: s%d, namespace: shop}]\n", i, i, i)
				}
			})
		}},
		{name: "yaml: 20,000 small Deployments", slow: true, make: func(d dir) {
			for f := range 2000 {
				d.stream(fmt.Sprintf("f%d.yaml", f), func(w io.Writer) {
					for i := range 10 {
						fmt.Fprintf(w, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d%d-%d, namespace: shop%d}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: nginx}]}\n", f, i, f)
					}
				})
			}
		}},
	}
}

func filesThatAreNone() []hostile {
	var all []hostile
	for _, name := range []string{".gitignore", ".manilint.yaml", "kustomization.yaml", "chart/.helmignore", "chart/Chart.yaml", "chart/values.yaml", "chart/templates/y.yaml", "chart/values.schema.json", "chart/requirements.yaml", "chart/charts/a.tgz", "a.yaml", "a.tgz"} {
		if strings.HasPrefix(name, "chart/") {
			all = append(all, hostile{name: "a pipe as " + name, make: func(d dir) {
				d.chart(fmt.Sprintf(podText, 1))
				os.Remove(filepath.Join(d.path, name))
				d.fifo(name)
			}})
		} else {
			all = append(all, hostile{name: "a pipe as " + name, make: func(d dir) { d.fifo(name) }})
		}
		for _, target := range []string{"/dev/zero", "/proc/self/pagemap", "/proc/kmsg", "/dev/stdin"} {
			all = append(all, hostile{name: "a link to " + target + " as " + name, make: func(d dir) {
				if strings.HasPrefix(name, "chart/") {
					d.chart(fmt.Sprintf(podText, 1))
					os.Remove(filepath.Join(d.path, name))
				}
				d.link(name, target)
			}})
		}
	}
	return append(all,
		hostile{name: "a directory that links to itself", make: func(d dir) { d.file("d/p.yaml", fmt.Sprintf(podText, 1)); d.link("d/d", ".") }},
		hostile{name: "a chart's templates that link to /", make: func(d dir) { d.chart(fmt.Sprintf(podText, 1)); d.link("chart/templates/root", "/") }},
		hostile{name: "5,000 directories deep", make: func(d dir) {
			at := d.path
			for range 1000 {
				at = filepath.Join(at, "d")
				if os.Mkdir(at, 0o755) != nil {
					break
				}
			}
			os.WriteFile(filepath.Join(at, "p.yaml"), []byte(fmt.Sprintf(podText, 1)), 0o644)
		}},
		hostile{name: ".gitignore of 100,000 lines", make: func(d dir) {
			d.repeat(".gitignore", "**/a*/**/b*/**/c\n", 100000)
			for i := range 200 {
				d.file(fmt.Sprintf("d%d/p.yaml", i), fmt.Sprintf(podText, i))
			}
		}},
		hostile{name: ".gitignore with many stars", make: func(d dir) {
			d.file(".gitignore", strings.Repeat("**/a*", 30)+"b\n"+strings.Repeat("*a", 40)+"b\n")
			d.file(strings.Repeat("a", 200)+".yaml", fmt.Sprintf(podText, 1))
			d.file(strings.Repeat("aaa/", 60)+"p.yaml", fmt.Sprintf(podText, 2))
		}},
	)
}

func overlays() []hostile {
	documents := func(n int) func(dir) {
		return func(d dir) {
			d.file("kustomization.yaml", "resources: [a.yaml]\nnamePrefix: x-\n")
			d.stream("a.yaml", func(w io.Writer) {
				for i := range n {
					fmt.Fprintf(w, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d}\n", i)
				}
			})
		}
	}
	return []hostile{
		{name: "kustomize: 2,000 documents", slow: true, make: documents(2000)},
		{name: "kustomize: 5,000 documents", make: documents(5000), says: "kustomization.yaml"},
		{name: "kustomize: 200,000 documents", slow: true, make: documents(200000), says: "kustomization.yaml"},
		{name: "kustomize: 20,000 files of resources", slow: true, make: func(d dir) {
			d.stream("kustomization.yaml", func(w io.Writer) {
				io.WriteString(w, "resources:\n")
				for i := range 20000 {
					fmt.Fprintf(w, "- f%d.yaml\n", i)
				}
			})
			for i := range 20000 {
				d.file(fmt.Sprintf("f%d.yaml", i), fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d}\n", i))
			}
		}},
		{name: "kustomize: 800 KB of ---", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [a.yaml]\n")
			d.file("a.yaml", strings.Repeat("---\n", 200000)+"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
		}},
		{name: "kustomize: 800 KB of --- as a patch", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]\n")
			d.file("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
			d.file("p.yaml", strings.Repeat("---\n", 200000)+"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n")
		}},
		{name: "kustomize: a diamond of 50 levels", make: func(d dir) {
			for i := range 50 {
				d.file(fmt.Sprintf("l%d/a/kustomization.yaml", i), fmt.Sprintf("resources: [../../l%d/a, ../../l%d/b]\nnamePrefix: a\n", i+1, i+1))
				d.file(fmt.Sprintf("l%d/b/kustomization.yaml", i), fmt.Sprintf("resources: [../../l%d/a, ../../l%d/b]\nnamePrefix: b\n", i+1, i+1))
			}
			for _, x := range []string{"a", "b"} {
				d.file("l50/"+x+"/kustomization.yaml", "resources: [m.yaml]\n")
				d.file("l50/"+x+"/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
			}
			d.file("kustomization.yaml", "resources: [l0/a]\n")
		}, says: "kustomization.yaml"},
		{name: "kustomize: a chain of 2,000 bases", slow: true, make: func(d dir) {
			for i := range 2000 {
				d.file(fmt.Sprintf("l%d/kustomization.yaml", i), fmt.Sprintf("resources: [../l%d]\n", i+1))
			}
			d.file("l2000/kustomization.yaml", "resources: [m.yaml]\n")
			d.file("l2000/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
		}},
		{name: "kustomize: bases in a circle", make: func(d dir) {
			d.file("a/kustomization.yaml", "resources: [../b]\n")
			d.file("b/kustomization.yaml", "resources: [../a]\n")
		}, says: "kustomization.yaml"},
		{name: "kustomize: replacements that double", make: func(d dir) {
			var b strings.Builder
			b.WriteString("resources: [m.yaml]\nreplacements:\n")
			for range 60 {
				b.WriteString("- source: {kind: ConfigMap, fieldPath: data}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a, data.b], options: {create: true}}]\n")
			}
			d.file("kustomization.yaml", b.String())
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {x: y}\n")
		}},
		{name: "kustomize: JSON copies that double", make: func(d dir) {
			var b strings.Builder
			for i := range 60 {
				fmt.Fprintf(&b, "    - {op: copy, from: /data, path: /data/k%d}\n", i)
			}
			d.file("kustomization.yaml", "resources: [m.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n"+b.String())
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {x: y}\n")
		}},
		{name: "kustomize: a target that is an evil regular expression", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [m.yaml]\npatches:\n- target: {kind: ConfigMap, name: '((((((a{100}){100}){100}){100}){100}){100})'}\n  patch: '[{op: add, path: /data, value: {}}]'\n")
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
		}},
		{name: "kustomize: an openapi document with a loop", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [m.yaml]\nopenapi: {path: o.json}\npatches: [{path: p.yaml}]\n")
			d.file("o.json", `{"definitions":{"x.Foo":{"type":"object","properties":{"spec":{"$ref":"#/definitions/x.Spec"}},"x-kubernetes-group-version-kind":[{"group":"x.io","kind":"Foo","version":"v1"}]},"x.Spec":{"$ref":"#/definitions/x.Other"},"x.Other":{"$ref":"#/definitions/x.Spec"}}}`)
			d.file("m.yaml", "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: m}\nspec: {a: {b: [{name: c}]}}\n")
			d.file("p.yaml", "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: m}\nspec: {a: {b: [{name: c, d: e}]}}\n")
		}},
		{name: "kustomize: a slow chart in a build", make: func(d dir) {
			d.file("kustomization.yaml", "helmCharts: [{name: c, releaseName: r}]\nresources: [m.yaml]\n")
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
			d.file("charts/c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n")
			d.file("charts/c/templates/a.yaml", "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")
		}, says: "bad/charts/c/templates/a.yaml", slow: true},
		{name: "kustomize: an inline patch nested 100,000 times", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [m.yaml]\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: "+nested("[", "1", "]", 100000)+"}'\n")
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")
		}, says: "kustomization.yaml"},
		{name: "kustomize: aliases that explode", make: func(d dir) {
			d.file("kustomization.yaml", "resources: [m.yaml]\nnamePrefix: a\n")
			d.file("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"+bomb(9))
		}, says: "m.yaml"},
		{name: "kustomize: a generator of 5,000 literals", make: func(d dir) {
			d.stream("kustomization.yaml", func(w io.Writer) {
				io.WriteString(w, "configMapGenerator:\n- name: m\n  literals:\n")
				for i := range 5000 {
					fmt.Fprintf(w, "  - k%d=v\n", i)
				}
			})
		}},
	}
}

func configurations() []hostile {
	return []hostile{
		{name: "configuration: many stars", make: func(d dir) {
			d.file(".manilint.yaml", "exclude: ['"+strings.Repeat("**/a*/", 40)+"b']\nignore:\n- {rule: host-path, path: '"+strings.Repeat("**/*a", 40)+"', reason: x}\n")
			d.file(strings.Repeat("aaa/", 60)+"p.yaml", fmt.Sprintf(podText, 1))
		}},
		{name: "configuration: alternatives", make: func(d dir) {
			d.file(".manilint.yaml", "exclude: ['"+strings.Repeat("{a,a,a,a}", 40)+"b']\n")
			d.file(strings.Repeat("a", 60)+"/p.yaml", fmt.Sprintf(podText, 1))
		}},
		{name: "configuration: a misspelt chart among 5,000 variants", make: func(d dir) {
			d.stream(".manilint.yaml", func(w io.Writer) {
				io.WriteString(w, "helm:\n  variants:\n")
				for i := range 5000 {
					fmt.Fprintf(w, "  - {chart: chrt%d, values: [v%d.yaml]}\n", i, i)
				}
			})
			for i := range 200 {
				d.file(fmt.Sprintf("chart%d/Chart.yaml", i), "apiVersion: v2\nname: c\nversion: 1.0.0\n")
			}
		}},
		{name: "configuration: 20,000 ignore entries", make: func(d dir) {
			d.stream(".manilint.yaml", func(w io.Writer) {
				io.WriteString(w, "ignore:\n")
				for i := range 20000 {
					fmt.Fprintf(w, "- {rule: host-path, path: '**/p%d.yaml', reason: why}\n", i)
				}
			})
			for i := range 50 {
				d.file(fmt.Sprintf("p%d.yaml", i), fmt.Sprintf(podText, i))
			}
		}},
		{name: "configuration: nested 1,000,000 times", make: func(d dir) { d.file(".manilint.yaml", "rules: "+nested("[", "1", "]", 1000000)) }},
		{name: "configuration: of 100 MB", make: func(d dir) {
			d.repeat(".manilint.yaml", "# xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", 1700000)
		}},
	}
}

// unusual are kinds of input that grow in ways of their own.
func unusual() []hostile {
	head := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\n"
	lines := func(name, before, line string, n int) func(dir) {
		return func(d dir) {
			d.stream(name, func(w io.Writer) {
				io.WriteString(w, before)
				for i := range n {
					fmt.Fprintf(w, line, i)
				}
			})
		}
	}
	return []hostile{
		{name: "yaml: one document of JSON with 3,000,000 numbers", slow: true, make: func(d dir) {
			d.file("a.json", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":[`+strings.Repeat("1,", 3000000)+"1]}}")
		}, says: "bad/a.json"},
		{name: "yaml: 40 files of 300,000 values", slow: true, make: func(d dir) {
			for i := range 40 {
				lines(fmt.Sprintf("f%d.yaml", i), head+"data:\n", "  k%d: v\n", 150000)(d)
			}
		}},
		{name: "yaml: 300,000 labels on one pod", make: lines("a.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: nginx}]}\nmetadata:\n  name: p\n  namespace: shop\n  labels:\n", "    l%d: v\n", 300000)},
		{name: "yaml: 20,000 containers in one pod", make: lines("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n", "  - {name: c%d, image: nginx}\n", 20000)},
		{name: "yaml: 20,000 volumes and mounts", make: func(d dir) {
			d.stream("a.yaml", func(w io.Writer) {
				io.WriteString(w, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  volumes:\n")
				for i := range 20000 {
					fmt.Fprintf(w, "  - {name: v%d, hostPath: {path: /a%d}}\n", i, i)
				}
				io.WriteString(w, "  containers:\n  - name: c\n    image: nginx\n    volumeMounts:\n")
				for i := range 20000 {
					fmt.Fprintf(w, "    - {name: v%d, mountPath: /m%d}\n", i, i)
				}
			})
		}},
		{name: "yaml: one role of 50,000 rules", make: lines("a.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules:\n", "- {apiGroups: ['g%[1]d'], resources: ['*'], verbs: ['*']}\n", 50000)},
		{name: "yaml: 3,000 bindings of one role to 30 subjects each", make: func(d dir) {
			lines("r.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules:\n", "- {apiGroups: ['g%[1]d'], resources: [secrets], verbs: [get]}\n", 50)(d)
			var subjects strings.Builder
			for i := range 30 {
				fmt.Fprintf(&subjects, "{kind: ServiceAccount, name: s%d, namespace: n}, ", i)
			}
			lines("a.yaml", "", "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b%d}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}\nsubjects: ["+subjects.String()+"]\n", 3000)(d)
		}},
		{name: "yaml: 8,000 Services over 8,000 Deployments", make: func(d dir) {
			lines("a.yaml", "", "---\napiVersion: v1\nkind: Service\nmetadata: {name: s%[1]d, namespace: shop}\nspec: {selector: {a: b%[1]d}, ports: [{port: 80}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d%[1]d, namespace: shop}\nspec: {selector: {matchLabels: {a: b%[1]d}}, template: {metadata: {labels: {a: b%[1]d}}, spec: {containers: [{name: c, image: nginx}]}}}\n", 8000)(d)
		}},
		{name: "yaml: 10,000 objects of one name", make: func(d dir) {
			d.repeat("a.yaml", "---\n"+fmt.Sprintf(podText, 1), 10000)
		}},
		{name: "yaml: 10,000 unknown kinds with selectors", make: lines("a.yaml", "", "---\napiVersion: g%[1]d.example/v1\nkind: K%[1]d\nmetadata: {name: n, namespace: shop}\nspec: {selector: {matchExpressions: [{key: a, operator: In, values: [b, c]}]}}\n", 10000)},
		{name: "yaml: a comment of 30 MB in one line", make: func(d dir) { d.file("a.yaml", head+"# "+strings.Repeat("manilint:ignore ", 2000000)+"\n") }},
		{name: "yaml: an ignore annotation of 2 MB", make: func(d dir) {
			d.file("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: shop\n  annotations:\n    manilint.dev/ignore: \""+strings.Repeat("host-path, ", 200000)+"x: why\"\nspec: {containers: [{name: c, image: nginx}]}\n")
		}},
		{name: "yaml: a broken file of 20 MB that names secrets", make: func(d dir) {
			d.repeat("a.yaml", "kind: Secret\napiVersion: v1\npassword: hunter2Hunter2 [ {\n", 350000)
		}, says: "bad/a.yaml"},
		{name: "yaml: 100,000 Windows line ends and tabs", make: func(d dir) { d.repeat("a.yaml", "apiVersion: v1\r\nkind: Pod\r\n\t- a\r\n---\r\n", 100000) }, says: "bad/a.yaml"},
		{name: "yaml: UTF-16 of 30 MB", make: func(d dir) {
			d.file("a.yaml", "\xff\xfea\x00p\x00i\x00V\x00e\x00r\x00s\x00i\x00o\x00n\x00:\x00 \x00k\x00i\x00n\x00d\x00\n\x00"+strings.Repeat("a\x00:\x00 \x00b\x00\n\x00", 3000000))
		}},
		{name: "yaml: an image name of 1 MB", make: func(d dir) {
			d.file("a.yaml", fmt.Sprintf(strings.Replace(podText, "nginx:1", strings.Repeat("a/", 500000)+"b:1", 1), 1))
		}},
		{name: "yaml: a quantity, a port and a version of a million digits", make: func(d dir) {
			digits := strings.Repeat("9", 1000000)
			d.file("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - {name: c, image: \"nginx:"+digits[:100]+"\", ports: [{containerPort: "+digits+"}], resources: {limits: {memory: "+digits+"Mi, cpu: 1e"+digits+"}}}\n")
		}},
		{name: "chart: 2,000 templates that include each other", slow: true, make: func(d dir) {
			d.chart("a: {{ include \"d0\" . }}")
			for i := range 2000 {
				d.file(fmt.Sprintf("chart/templates/_d%d.tpl", i), fmt.Sprintf("{{ define \"d%d\" }}{{ include \"d%d\" . }}{{ end }}", i, (i+1)%2000))
			}
		}, says: "bad/chart"},
		{name: "chart: 300 levels of subcharts", make: func(d dir) {
			at := "chart"
			for range 300 {
				d.file(at+"/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n")
				at += "/charts/c"
			}
		}},
		{name: "chart: 12,000 values that the schema refuses", make: func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			lines("chart/values.yaml", "", "k%d: text\n", 12000)(d)
			d.file("chart/values.schema.json", `{"additionalProperties":{"type":"integer"}}`)
		}, says: "bad/chart/values.yaml"},
		{name: "chart: 300 sets of values for one that takes its memory", slow: true, make: func(d dir) {
			d.chart("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}")
			for i := range 300 {
				d.file(fmt.Sprintf("chart/ci/%d-values.yaml", i), "a: b\n")
			}
		}, says: "bad/chart"},
		{name: "chart: 20 slow charts", slow: true, make: func(d dir) {
			for i := range 20 {
				d.file(fmt.Sprintf("c%d/Chart.yaml", i), "apiVersion: v2\nname: c\nversion: 1.0.0\n")
				d.file(fmt.Sprintf("c%d/templates/x.yaml", i), "{{ range until 1000 }}{{ range until 100 }}{{ $x := regexMatch \"(a*)*b\" (repeat 20000 \"a\") }}{{ end }}{{ end }}")
			}
		}, says: "bad/c"},
		{name: "kustomize: one document of 40 MB as a resource", slow: true, make: func(d dir) {
			d.file("kustomization.yaml", "resources: [a.yaml]\n")
			lines("a.yaml", head+"data:\n", "  key-%d: some value\n", 1600000)(d)
		}, says: "bad/"},
		{name: "kustomize: 500 overlays of one base", make: func(d dir) {
			d.file("base/kustomization.yaml", "resources: [m.yaml]\n")
			d.file("base/m.yaml", fmt.Sprintf(podText, 1))
			for i := range 500 {
				d.file(fmt.Sprintf("o%d/kustomization.yaml", i), fmt.Sprintf("resources: [../base]\nnamePrefix: a%d-\n", i))
			}
		}},
		{name: "kustomize: 1,000 patches of one object", make: lines("kustomization.yaml", "configMapGenerator: [{name: m, literals: [a=b]}]\npatches:\n", "- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {k%d: v}}'\n", 1000)},
		{name: "configuration: 200 that nest", make: func(d dir) {
			at := ""
			for i := range 200 {
				d.file(at+".manilint.yaml", "profile: all\nexclude: ['**/x/**']\n")
				d.file(at+"p.yaml", fmt.Sprintf(podText, i))
				at += "d/"
			}
		}},
	}
}

// controllers are objects of GitOps controllers and rules of the stranger.
func controllers() []hostile {
	repository := func(d dir) {
		d.file(".git/HEAD", "ref: refs/heads/main\n")
		d.file(".git/config", "[remote \"origin\"]\n\turl = https://example.com/shop/deploy\n")
	}
	// set makes an ApplicationSet that applies app/.
	set := func(goTemplate bool, generators, name, info string) func(dir) {
		return func(d dir) {
			repository(d)
			d.file("app/p.yaml", fmt.Sprintf(podText, 1))
			d.file("s.yaml", fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n  goTemplate: %v\n  generators: [%s]\n  template:\n    metadata: {name: '%s'}\n    spec:\n      destination: {namespace: shop}\n      source: {repoURL: 'https://example.com/shop/deploy', path: app}\n      info: [%s]\n", goTemplate, generators, name, info))
		}
	}
	elements := func(n int, more string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "{a: 'n%d'%s}, ", i, more)
		}
		return "{list: {elements: [" + b.String() + "]}}"
	}
	// substituted makes a Kustomization of Flux with a variable a, and what it applies.
	substituted := func(value, object string) func(dir) {
		return func(d dir) {
			repository(d)
			d.file("app/kustomization.yaml", "resources: [m.yaml]\n")
			d.file("app/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\ndata:\n"+object)
			d.file("k.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: k, namespace: shop}\nspec:\n  sourceRef: {kind: GitRepository, name: g}\n  path: ./app\n  postBuild: {substitute: {a: '"+value+"'}}\n")
		}
	}
	helmfile := func(text string) func(dir) {
		return func(d dir) {
			d.chart(fmt.Sprintf(podText, 1))
			d.file("helmfile.yaml.gotmpl", text)
			d.file("slow.yaml.gotmpl", "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}\n")
			d.file("many.yaml.gotmpl", "{{ range until 20000 }}\nk{{ . }}: v{{ . }}{{ end }}\n")
		}
	}
	environments := "environments:\n"
	for i := range 30 {
		environments += fmt.Sprintf("  e%d: {values: [slow.yaml.gotmpl]}\n", i)
	}
	growing := elements(1, ", b0: '"+strings.Repeat("x", 1000)+"'")
	for i := range 4 {
		growing = fmt.Sprintf("{matrix: {generators: [%s, {list: {elements: [{b%d: '%s'}]}}]}}", growing, i+1, strings.Repeat(fmt.Sprintf("{{b%d}}", i), 200))
	}
	wide := ""
	for i := range 1000 {
		wide += fmt.Sprintf(", k%d: v", i)
	}
	return []hostile{
		{name: "ApplicationSet: a parameter written 20,000 times", make: set(false, elements(1, ", b: '"+strings.Repeat("x", 1000000)+"'"), "{{a}}", "{name: a, value: '"+strings.Repeat("{{b}}", 20000)+"'}"), says: "bad/s.yaml"},
		{name: "ApplicationSet: parameters that grow in a matrix", make: set(false, growing, "{{a}}", ""), says: "bad/s.yaml"},
		{name: "ApplicationSet: 1,000,000 Applications", make: set(false, "{matrix: {generators: ["+elements(1000, "")+", "+strings.ReplaceAll(elements(1000, ""), "{a:", "{b:")+"]}}", "{{a}}-{{b}}", ""), says: "bad/s.yaml"},
		{name: "ApplicationSet: 900 Applications of 1,000 parameters", make: set(true, "{matrix: {generators: ["+elements(30, wide)+", "+strings.ReplaceAll(elements(30, ""), "{a:", "{b:")+"]}}", "{{.a}}-{{.b}}", ""), says: "bad/s.yaml"},
		{name: "ApplicationSet: 1,000 Applications of 100 KB", make: set(true, elements(1000, ""), "{{.a}}", "{name: a, value: '"+strings.Repeat("x", 100000)+"'}"), says: "bad/s.yaml"},
		{name: "ApplicationSet: slow templates", slow: true, make: set(true, elements(1000, ""), "{{range until 100000}}{{range until 100000}}{{end}}{{end}}p", ""), says: "bad/s.yaml"},
		{name: "Flux: a variable of 5 MB written 5,000 times", make: substituted(strings.Repeat("x", 5000000), manyLines("  k%d: ${a}\n", 5000)), says: "bad/app/m.yaml"},
		{name: "Flux: a variable whose letters are replaced", make: substituted(strings.Repeat("x", 1000000), "  k: '${a//x/"+strings.Repeat("y", 100000)+"}'\n"), says: "bad/app/m.yaml"},
		{name: "Flux: a variable of 9,000 levels", make: substituted(nested("[", "", "]", 9000), "  k: ${a}\n"), says: "bad/k.yaml"},
		{name: "Flux: variables that are lists of 100,000 numbers", make: substituted("["+strings.Repeat("1,", 100000)+"]", manyLines("  k%d: ${a}\n", 500)), says: "bad/k.yaml"},
		{name: "Flux: a variable of aliases that explode", make: substituted("{"+strings.ReplaceAll(strings.TrimSpace(bomb(9)), "\n", ", ")+"}", "  k: ${a}\n"), says: "bad/k.yaml"},
		{name: "helmfile: slow values in 30 environments", slow: true, make: helmfile(environments + "---\nreleases: [{name: r, chart: ./chart}]\n"), says: "bad/helmfile.yaml.gotmpl"},
		{name: "helmfile: 20,000 releases with values", make: helmfile("releases:\n{{ range until 20000 }}\n- {name: r{{ . }}, chart: ./gone, values: [many.yaml.gotmpl]}{{ end }}\n"), says: "bad/helmfile.yaml.gotmpl"},
		{name: "helmfile: one that names itself", make: helmfile("helmfiles: [" + strings.Repeat("helmfile.yaml.gotmpl, ", 10) + "]\nreleases: [{name: r, chart: ./chart}]\n")},
		{name: "configuration: a rule whose messages are 4 MB", make: func(d dir) {
			d.file(".manilint.yaml", "custom:\n- {id: r, match: {kinds: [Pod]}, expression: 'false', message: params.a + params.a, params: {a: '"+strings.Repeat("x", 2000000)+"'}}\n")
			d.stream("p.yaml", func(w io.Writer) {
				for i := range 1000 {
					fmt.Fprintf(w, "---\n"+podText, i)
				}
			})
		}},
		{name: "configuration: 1,000 bindings of a costly policy", make: func(d dir) {
			d.file(".manilint.yaml", "policies: [policies]\n")
			ten := "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
			costly := ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, a + b + c > 0)))"
			d.file("policies/p.yaml", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: [pods]}]}\n  validations: [{expression: '"+costly+"'}]\n")
			d.file("policies/b.yaml", manyLines("---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b%d}\nspec: {policyName: p, validationActions: [Deny]}\n", 1000))
			d.stream("p.yaml", func(w io.Writer) {
				for i := range 500 {
					fmt.Fprintf(w, "---\n"+podText, i)
				}
			})
		}},
		{name: "configuration: a rule of 100,000 parentheses", make: func(d dir) {
			d.file(".manilint.yaml", "custom: [{id: r, expression: '"+nested("(", "true", ")", 40000)+"'}]\n")
		}, says: "bad/.manilint.yaml"},
	}
}

// manyLines returns lines of a format with their numbers.
func manyLines(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestHostileInputs lints each input next to a good tree in a process of its own: the
// findings of the good tree are the same bytes, the process ends on its own, and what is
// wrong is said with the name of the file.
func TestHostileInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program some 250 times")
	}
	program := filepath.Join(t.TempDir(), "manilint")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/manilint/manilint").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []hostile
	for _, some := range [][]hostile{growing(), selfDictInputs(), charts(), yamlFiles(), filesThatAreNone(), overlays(), configurations(), unusual(), controllers()} {
		all = append(all, some...)
	}
	good := func(d dir) {
		d.file("good/pod.yaml", fmt.Sprintf(podText, 0)+"  hostNetwork: true\n")
		d.file("good/chart/Chart.yaml", "apiVersion: v2\nname: good\nversion: 1.0.0\n")
		d.file("good/chart/templates/pod.yaml", strings.Replace(fmt.Sprintf(podText, 1), "nginx:1", "{{ .Values.image }}", 1))
		d.file("good/chart/values.yaml", "image: nginx\n")
		d.file("good/overlay/kustomization.yaml", "resources: [d.yaml]\nnamePrefix: a-\n")
		d.file("good/overlay/d.yaml", fmt.Sprintf(podText, 2)+"  hostPID: true\n")
	}
	alone := dir{t, t.TempDir()}
	good(alone)
	want := lintHostile(t, program, alone.path)
	if want.findings == "" || want.status != 1 {
		t.Fatalf("the good tree alone: %+v", want)
	}
	for _, h := range all {
		t.Run(h.name, func(t *testing.T) {
			if h.slow && os.Getenv("MANILINT_HOSTILE") != "all" {
				t.Skip("slow; set MANILINT_HOSTILE=all")
			}
			d := dir{t, t.TempDir()}
			good(d)
			h.make(dir{t, filepath.Join(d.path, "bad")})
			got := lintHostile(t, program, d.path)
			t.Logf("%.1f s, %d MiB, status %d: %.300s", got.took.Seconds(), got.memory>>20, got.status, got.stderr)
			if got.status < 0 || got.status > 3 || strings.Contains(got.stderr, "goroutine ") {
				t.Errorf("ended with status %d: %.2000s", got.status, got.stderr)
			}
			if got.status != 2 && got.findings != want.findings {
				t.Errorf("the good tree's findings are\n%s\nalone they are\n%s", got.findings, want.findings)
			}
			if h.says != "" && (got.status != 3 && got.status != 2 || !strings.Contains(got.stderr, h.says)) {
				t.Errorf("status %d, and %q is not in %.2000s", got.status, h.says, got.stderr)
			}
			if got.took > hostileTime || got.memory > hostileMemory {
				t.Errorf("took %v and %d MiB", got.took, got.memory>>20)
			}
		})
	}
}

type hostileRun struct {
	status   int
	findings string // those of the good tree
	stderr   string
	took     time.Duration
	memory   int64
}

func lintHostile(t *testing.T, program, root string) hostileRun {
	t.Helper()
	cmd := exec.Command("sh", "-c", `ulimit -v 16000000; exec "$0" "$@"`, program, "-f", "json", "--jobs", "2")
	cmd.Args = append(append(cmd.Args, limited...), "good", "bad")
	if _, err := os.Stat(filepath.Join(root, "bad")); err != nil {
		cmd.Args = cmd.Args[:len(cmd.Args)-1]
	}
	cmd.Dir = root
	out, err := os.Create(filepath.Join(t.TempDir(), "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*hostileTime, func() { cmd.Process.Kill() })
	defer timer.Stop()
	ended := make(chan struct{})
	peak := make(chan int64, 1)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	close(ended)
	r := hostileRun{took: time.Since(start), stderr: stderr.String(), memory: <-peak}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r.status = cmd.ProcessState.ExitCode()
	if r.status == 2 || r.status < 0 {
		return r
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(out)
	var rep struct {
		Findings []struct {
			Rule, Message string
			Location      struct {
				File         string
				Line, Column int
			}
		}
	}
	if err := dec.Decode(&rep); err != nil {
		t.Errorf("the report is no JSON: %v", err)
	}
	var b strings.Builder
	for _, f := range rep.Findings {
		if strings.HasPrefix(f.Location.File, "good/") {
			fmt.Fprintf(&b, "%s:%d:%d: %s [%s]\n", f.Location.File, f.Location.Line, f.Location.Column, f.Message, f.Rule)
		}
	}
	r.findings = b.String()
	return r
}

// watchMemory returns the most memory that a process was seen to have. What the system
// counts of a process that has ended includes the one that started it.
func watchMemory(pid int, ended <-chan struct{}) (peak int64) {
	for {
		select {
		case <-ended:
			return peak
		case <-time.After(20 * time.Millisecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			var kilobytes int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
				peak = max(peak, kilobytes<<10)
			}
		}
	}
}
