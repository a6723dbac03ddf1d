package baseline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Schema names the form of a baseline's file.
const Schema = "manilint-baseline/v1"

var printed = regexp.MustCompile(`^[0-9a-f]{32}(:[1-9][0-9]*)?$`)

// Is reports whether a text begins as a baseline does.
func Is(text []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimLeft(text, " \t\r\n"), []byte("\n"))
	var header struct{ Schema string }
	return json.Unmarshal(first, &header) == nil && strings.HasPrefix(header.Schema, "manilint-baseline/")
}

// Read reads a baseline's file. What is damaged is an error with the line; so much as can be
// read is returned all the same. Lines that are there twice, as a merge may leave them,
// count once.
func Read(src *lint.Source) (*Known, []*lint.InputError) {
	k := &Known{}
	var errs []*lint.InputError
	fail := func(line int, format string, args ...any) {
		errs = append(errs, &lint.InputError{Span: src.LineSpan(line), Message: fmt.Sprintf(format, args...)})
	}
	seen, headed := map[string]bool{}, false
	for i, text := range bytes.Split(src.Data, []byte("\n")) {
		line := i + 1
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			continue
		}
		var e struct {
			Schema   string  `json:"schema"`
			Severity *string `json:"severity"`
			Entry
		}
		if err := json.Unmarshal(text, &e); err != nil {
			switch {
			case bytes.HasPrefix(text, []byte("<<<<<<<")) || bytes.HasPrefix(text, []byte("=======")) || bytes.HasPrefix(text, []byte(">>>>>>>")):
				fail(line, "the baseline holds a merge conflict; keep the lines of both sides, or create it again with --write-baseline")
			default:
				fail(line, "the baseline is damaged: the line is not a JSON object (%v); restore it, or create it again with --write-baseline", err)
			}
			continue
		}
		if e.Schema != "" || !headed {
			if e.Schema != Schema {
				fail(line, "a baseline begins with the line {\"schema\": %q}; this one has the schema %q; name a baseline, or make one with --write-baseline", Schema, e.Schema)
				return k, errs
			}
			headed = true
			continue
		}
		if e.Severity != nil {
			severity, err := lint.ParseSeverity(*e.Severity)
			if err != nil {
				fail(line, "the baseline is damaged: severity: %v", err)
				continue
			}
			e.Entry.Severity = severity
		}
		if slices.ContainsFunc(e.Also, func(p string) bool { return !printed.MatchString(p) }) {
			fail(line, "the baseline is damaged: also holds something that is not a fingerprint; restore the line, or create it again with --write-baseline")
			continue
		}
		missing := ""
		for _, f := range []struct {
			name string
			ok   bool
		}{{"fingerprint", printed.MatchString(e.Fingerprint)}, {"second", printed.MatchString(e.Second)}, {"rule", e.Rule != ""}, {"severity", e.Severity != nil}, {"file", e.File != ""}} {
			if !f.ok && missing == "" {
				missing = f.name
			}
		}
		if missing != "" {
			fail(line, "the baseline is damaged: %s is missing or not valid; restore the line, or create it again with --write-baseline", missing)
			continue
		}
		if !seen[e.Fingerprint] {
			seen[e.Fingerprint] = true
			e.Span = src.LineSpan(line)
			k.Entries = append(k.Entries, e.Entry)
		}
	}
	if !headed && len(errs) == 0 {
		fail(1, "the baseline is empty: it begins with the line {\"schema\": %q}; create it again with --write-baseline", Schema)
	}
	k.sort()
	return k, errs
}

// maxAlso is how many of the prints of one place are written: if all of these are gone at
// once, the place counts as new.
const maxAlso = 8

// Write writes a baseline's file: a header, then an entry a line.
func (k *Known) Write(w io.Writer) error {
	k.sort()
	var b bytes.Buffer
	line := func(also []string, fields ...string) {
		for i := 0; i < len(fields); i += 2 {
			b.WriteString(map[bool]string{true: "{", false: ", "}[i == 0])
			text := &bytes.Buffer{}
			encoder := json.NewEncoder(text)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(fields[i+1]) // a string cannot fail
			fmt.Fprintf(&b, "%q: %s", fields[i], bytes.TrimSpace(text.Bytes()))
		}
		if len(also) > 0 {
			fmt.Fprintf(&b, `, "also": [%s]`, `"`+strings.Join(also, `", "`)+`"`)
		}
		b.WriteString("}\n")
	}
	line(nil, "schema", Schema)
	for _, e := range k.Entries {
		line(e.Also[:min(len(e.Also), maxAlso)], "fingerprint", e.Fingerprint, "second", e.Second, "rule", e.Rule, "severity", e.Severity.String(), "file", e.File, "object", e.Object, "path", e.Path)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Unknown returns a note for each entry that names no rule of those that there are.
func (k *Known) Unknown(rules []*lint.Rule) []lint.Note {
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	var notes []lint.Note
	for _, e := range k.Entries {
		if lint.FindRule(rules, e.Rule) == nil {
			notes = append(notes, lint.Note{Span: e.Span, Message: fmt.Sprintf("the baseline names %q, which is not a rule%s; --write-baseline drops the entry", e.Rule, lint.Suggest(e.Rule, ids))})
		}
	}
	return notes
}

// Apply compares the findings of a report with what was known: those that are known are
// suppressed, by "baseline" or "since", and each has a state. What an ignore hides needs no
// entry, and is not gone either.
func (k *Known) Apply(r *lint.Report, by string, now Tree) {
	all := append([]*lint.Finding{}, r.Findings...)
	for _, s := range r.Suppressed {
		all = append(all, s.Finding)
	}
	m := k.Match(all, now)
	for _, f := range m.New {
		f.State = lint.New
	}
	for _, p := range m.Worse {
		p.Finding.State = lint.Worse
	}
	known := map[*lint.Finding]Entry{}
	for _, p := range m.Known {
		p.Finding.State = lint.Unchanged
		known[p.Finding] = p.Entry
	}
	left := []*lint.Finding{}
	for _, f := range r.Findings {
		if e, ok := known[f]; ok {
			r.Suppressed = append(r.Suppressed, &lint.Suppressed{Finding: f, By: by, Span: e.Span})
		} else {
			left = append(left, f)
		}
	}
	r.Findings = left
	slices.SortStableFunc(r.Suppressed, func(a, b *lint.Suppressed) int {
		return cmp.Or(a.Finding.Span.Compare(b.Finding.Span), strings.Compare(a.Finding.Rule.ID, b.Finding.Rule.ID))
	})
	for _, e := range m.Gone {
		// an error may hide any of what an entry stands for: nothing is said to be fixed
		if now.covers(e) && len(r.Errors) == 0 {
			r.Gone = append(r.Gone, lint.Gone{Rule: lint.FindRule(r.Rules, e.Rule), Severity: e.Severity, File: e.File, Object: e.Object, Path: e.Path, Fingerprint: e.Fingerprint})
		}
	}
}

// Merged returns the entries of fresh with those of k that keep wants, for a run that does
// not cover all that the file speaks of.
func (k *Known) Merged(fresh *Known, keep func(Entry) bool) *Known {
	all := &Known{Entries: append([]Entry{}, fresh.Entries...)}
	has := map[string]bool{}
	for _, e := range fresh.Entries {
		has[e.Fingerprint] = true
	}
	for _, e := range k.Entries {
		if !has[e.Fingerprint] && keep(e) {
			all.Entries = append(all.Entries, e)
		}
	}
	all.sort()
	return all
}

// Below reports whether a file, named as entries name them, is dir or lies below it.
func Below(dir, file string) bool {
	dir = path.Clean(dir)
	return dir == "." && !strings.HasPrefix(file, "../") || file == dir || strings.HasPrefix(file, dir+"/")
}
