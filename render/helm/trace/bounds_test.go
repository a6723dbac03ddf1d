package trace

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// within renders a template, which is to end with an error that holds words, "" for one
// that renders, in little time and memory.
func within(t *testing.T, name, text, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	start := time.Now()
	r := rendered(t, NewEngine(ctx, 1<<20), text)
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	said := ""
	for _, f := range r.Failures {
		said += f.Err.Error()
	}
	if !strings.Contains(said, words) || words == "" && said != "" || len(r.Failures) > 1 {
		t.Errorf("%s: %.300s, want %s", name, said, words)
	}
	if took := time.Since(start); took > 20*time.Second || after.HeapAlloc > 2<<30 {
		t.Errorf("%s: took %v, %d MiB on the heap", name, took, after.HeapAlloc>>20)
	}
}

func TestHostileTemplates(t *testing.T) {
	const much, call, deep, calls, nested = "more memory than the limit", "requests more text or items", "nested deeper than", "templates call one another more than", "blocks are nested deeper than"
	for name, c := range map[string][2]string{
		"print doubles":            {`{{ $x := "xxxxxxxx" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}`, call},
		"cat doubles":              {`{{ $x := "xxxxxxxx" }}{{ range until 60 }}{{ $x = cat $x $x }}{{ end }}`, call},
		"a width":                  {`{{ printf "` + strings.Repeat("%1000000d", 100) + `" 1 }}`, call},
		"a width that is given":    {`{{ printf "` + strings.Repeat("%*d", 50) + `" 999999 1 }}`, call},
		"an argument again":        {`{{ $x := repeat 1000000 "x" }}{{ printf "` + strings.Repeat("%[1]s", 500) + `" $x }}`, call},
		"replace":                  {`{{ $x := repeat 1000000 "x" }}{{ replace "x" $x $x }}`, call},
		"replace nothing":          {`{{ $x := repeat 100000 "x" }}{{ replace "" $x $x }}`, call},
		"regexReplaceAll":          {`{{ $x := repeat 1000000 "x" }}{{ regexReplaceAll "x" $x $x }}`, call},
		"regexReplaceAll, groups":  {`{{ $x := repeat 100000 "x" }}{{ regexReplaceAll "(.*)" $x (repeat 1000 "${1}") }}`, call},
		"regexReplaceAll that may": {`{{ $x := repeat 100000 "x" }}{{ len (regexReplaceAll "^x" $x (repeat 1000 "y")) }}`, ""},
		"join":                     {`{{ join (repeat 1000000 "x") (until 1000) }}`, call},
		"wrapWith":                 {`{{ wrapWith 1 (repeat 1000000 "z") (repeat 1000 "a ") }}`, call},
		"split":                    {`{{ len (splitList "" (repeat 1000000 "x")) }}`, call},
		"concat":                   {`{{ $a := list 1 2 }}{{ range until 60 }}{{ $a = concat $a $a }}{{ end }}`, much},
		"lists":                    {`{{ $d := dict }}{{ range $i, $_ := until 100000 }}{{ $_ := set $d (toString $i) (until 10000) }}{{ end }}`, much},
		"untilStep":                {`{{ untilStep 0 9223372036854775807 1 }}`, call},
		"b64enc":                   {`{{ $x := "xxxx" }}{{ range until 200 }}{{ $x = b64enc $x }}{{ end }}`, call},
		"toJson":                   {`{{ $x := "<" }}{{ range until 200 }}{{ $x = toJson $x }}{{ end }}`, call},
		"output":                   {`{{ range until 1000000 }}xxxxxxxxxx{{ end }}`, "writes more than the limit"},
		"uniq":                     {`{{ uniq (until 300000) }}`, call},
		"without":                  {`{{ $l := until 100000 }}{{ without $l 1 }}{{ len (uniq (list 1 1)) }}`, ""},
		"template":                 {`{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}`, calls},
		"include":                  {`{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}`, calls},
		"tpl":                      {`{{ define "x" }}{{ tpl "{{ include \"x\" . }}" . }}{{ end }}{{ include "x" . }}`, calls},
		"all three":                {`{{ define "x" }}{{ template "y" . }}{{ end }}{{ define "y" }}{{ include "z" . }}{{ end }}{{ define "z" }}{{ tpl "{{ template \"x\" . }}" . }}{{ end }}{{ include "x" . }}`, calls},
		"if":                       {strings.Repeat("{{ if 1 }}", 100000) + strings.Repeat("{{ end }}", 100000), nested},
		"else if":                  {"{{ if 0 }}" + strings.Repeat("{{- else if 0 }}", 100000) + "{{ end }}", nested},
		"blocks beside":            {strings.Repeat("{{ if 0 }}{{ else if 1 }}{{ else }}{{ end }}", 10000), ""},
		"if in tpl":                {`{{ tpl (printf "%s%s" (repeat 100000 "{{ if 1 }}") (repeat 100000 "{{ end }}")) . }}`, nested},
		"fromToml, brackets":       {`{{ (fromToml (printf "a = %s" (repeat 1000000 "["))).Error }}`, ""},
		"fromToml, dots":           {`{{ (fromToml (printf "%sb = 1" (repeat 1000000 "a."))).Error }}`, ""},
		"fromJson":                 {`{{ len (fromJson (repeat 1000000 "[")) }}`, ""},
		"a shared dict":            {`{{ $d := dict "a" 1 }}{{ range until 40 }}{{ $d = dict "x" $d "y" $d }}{{ end }}{{ toYaml $d }}`, call},
		"the values in themselves": {`{{ $_ := set .Values "v" .Values }}{{ $_ := set .Values "w" 1 }}{{ merge (dict "q" 1) .Values }}`, "contains itself"},
	} {
		within(t, name, c[0], c[1])
	}
	for _, f := range strings.Split(`toYaml $d,toJson $d,print $d,$d,html $d,js $d,urlquery $d,toString $d,quote $d,sortAlpha (list $d),toStrings (list $d),int $d,int64 $d,float64 $d,toDecimal $d,max $d 1,add $d 1,
mul $d 1,deepCopy $d,merge (dict) $d,deepEqual $d $d,has $d (list $d),uniq (list $d $d),without (list $d) $d,join "-" (list $d),cat $d,toToml $d,printf "%v" $d,toPrettyJson $d,mustToRawJson $d,squote $d,toYamlPretty $d,ceil $d,round $d 1,seq (int $d)`, ",") {
		for _, d := range []struct{ make, words string }{
			{`{{ $d := dict }}{{ $_ := set $d "d" $d }}`, "contains itself"},
			{`{{ $d := dict }}{{ $l := list $d }}{{ $_ := set $d "l" $l }}`, "contains itself"},
			{`{{ $d := dict }}{{ range until 1000 }}{{ $d = dict "d" $d }}{{ end }}`, deep},
			{`{{ $d := list }}{{ range until 1000 }}{{ $d = list $d }}{{ end }}`, deep},
		} {
			if strings.HasPrefix(d.make, `{{ $d := list`) && strings.HasPrefix(strings.TrimSpace(f), "merge") {
				continue
			}
			within(t, f, fmt.Sprintf("%s{{ %s }}", d.make, strings.TrimSpace(f)), d.words)
		}
	}
	for _, f := range []string{"eq $d $d", "ne $d 1", "eq 1 $d"} {
		within(t, f, `{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ `+f+` }}`, "not compared by eq")
	}
}

// What is cancelled ends, whatever it is doing.
func TestCancelledRenderingsEnd(t *testing.T) {
	for _, text := range []string{"{{ range 9223372036854775807 }}{{ end }}", "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}", `{{ define "x" }}{{ sha256sum "a" }}{{ include "y" . }}{{ include "y" . }}{{ end }}` +
		strings.Repeat(`{{ define "y" }}{{ end }}`, 1) + "{{ range until 1000000 }}{{ range until 1000000 }}{{ include \"x\" . }}{{ end }}{{ end }}"} {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		start := time.Now()
		r := rendered(t, NewEngine(ctx, 1<<20), text)
		cancel()
		if took := time.Since(start); len(r.Failures) != 1 || took > 3*time.Second {
			t.Errorf("%s: %v after %v", text, r.Failures, took)
		}
	}
}

func TestEqualIsTextTemplates(t *testing.T) {
	within(t, "eq", `{{ if not (and (eq 1 1) (eq "a" "b" "a") (ne 1 2) (eq true true) (eq 1.5 1.5) (eq .Values.none nil) (ne .Values.name nil) (not (eq "a" "b")) (eq (len "ab") 2) (eq .Values.name "web")) }}{{ fail "not equal" }}{{ end }}`, "")
	for _, text := range []string{`{{ eq 1 "1" }}`, `{{ eq 1 1.0 }}`, `{{ eq true "true" }}`} {
		within(t, text, text, "incompatible types")
	}
}
