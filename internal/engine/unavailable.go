package engine

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/glob"
	"github.com/manilint/manilint/lint"
)

// A lacking holds what a configuration says of what cannot be had.
type lacking struct {
	options *Options
	entries []*absent
}

// An absent is one entry, with its glob ready.
type absent struct {
	*config.Unavailable
	glob *glob.Glob
	used bool
}

func newLacking(o *Options) *lacking {
	l := &lacking{options: o}
	for i := range o.Unavailable {
		e := &absent{Unavailable: &o.Unavailable[i]}
		e.glob, _ = config.CompileGlob(e.What) // a configuration that was read has none that is bad
		l.entries = append(l.entries, e)
	}
	return l
}

func (l *lacking) expired(e *absent) bool {
	return e.Until != "" && !l.options.Now.IsZero() && l.options.Now.Format(time.DateOnly) > e.Until
}

// accept makes notes of the errors that an entry accepts. Where one has run out the error
// stands.
func (l *lacking) accept(errs []*lint.InputError, notes []lint.Note) ([]*lint.InputError, []lint.Note) {
	if len(l.entries) == 0 {
		return errs, notes
	}
	for i := range notes { // what is no error anyhow: the reason alone is added
		if notes[i].Lacks == "" {
			continue
		}
		if by := l.by([]string{notes[i].Lacks}); by != nil {
			notes[i].Message = by.accepting(notes[i].Message)
		}
	}
	var left []*lint.InputError
	for _, e := range errs {
		by := l.by(e.Lacks)
		if by == nil {
			left = append(left, e)
			continue
		}
		notes = append(notes, lint.Note{Message: by.accepting(e.Message), Span: e.Span})
	}
	return left, notes
}

// by returns the first entry that accepts what is not there, nil for none, and marks all that
// name it as used.
func (l *lacking) by(names []string) (by *absent) {
	for _, entry := range l.entries {
		if len(names) > 0 && entry.matches(names) {
			entry.used = true
			if by == nil && !l.expired(entry) {
				by = entry
			}
		}
	}
	return by
}

func (e *absent) accepting(message string) string {
	message += "; accepted as unavailable"
	if e.Reason != "" {
		message += ": " + e.Reason
	}
	return message
}

// matches reports whether an entry names something by one of its names.
func (e *absent) matches(names []string) bool {
	dir := path.Dir(e.Span.Path())
	for _, name := range names {
		for _, form := range forms(name, dir) {
			if form == e.What || e.glob != nil && e.glob.MatchTree(form) {
				return true
			}
		}
	}
	return false
}

var scp = lint.Regexp(`^(?:[\w.-]+@)?([\w.-]+\.[\w-]+):([^/].*)$`)

// forms returns the ways to write what an error does not have: as it stands; a path relative to the
// configuration's directory; an address as https://host/path, whatever way it is fetched.
func forms(name, dir string) []string {
	all := []string{name}
	address := strings.TrimPrefix(name, "git::")
	switch m := scp().FindStringSubmatch(address); {
	case m != nil && !strings.Contains(address, "://"):
		address = "https://" + m[1] + "/" + m[2]
	case strings.HasPrefix(address, "github.com/"), strings.HasPrefix(address, "www.github.com/"):
		address = "https://" + strings.TrimPrefix(address, "www.")
	case !strings.Contains(address, "://"):
		relative := filepath.FromSlash(name)
		if rel, err := filepath.Rel(filepath.FromSlash(dir), relative); err == nil {
			all = append(all, filepath.ToSlash(rel))
		}
		return all
	}
	all = append(all, address)
	if u, err := url.Parse(address); err == nil {
		all = append(all, u.Scheme+"://"+u.Hostname()+u.Path, "https://"+u.Hostname()+strings.TrimSuffix(u.Path, ".git"))
	}
	return all
}

// findings returns those of [SuppressionHygiene] about entries: they accept nothing, have
// run out, or do not say why.
func (l *lacking) findings(ledger *ledger, complete bool) []*lint.Finding {
	if ledger.hygiene == nil || l.options.NoIgnores {
		return nil
	}
	var found []*lint.Finding
	for _, e := range l.entries {
		report := func(key, help, format string, args ...any) {
			f := &lint.Finding{
				Rule: SuppressionHygiene, Severity: SuppressionHygiene.Severity, Message: fmt.Sprintf(format, args...), Help: help,
				Key: "unavailable " + key + " " + e.What, Span: e.Span, Precision: lint.Exact, Renderings: []lint.Rendering{{Kind: "file", Root: e.Span.Path()}},
			}
			if ledger.hygiene.Severity != nil {
				f.Severity = *ledger.hygiene.Severity
			}
			found = append(found, f)
		}
		switch {
		case l.expired(e):
			report("expired", "add it to the tree, or set a later until: if the reason still holds", "the unavailable entry for %q expired on %s", e.What, e.Until)
			continue
		case e.Reason == "":
			report("reason", "add reason: with where it is linted instead", "the unavailable entry for %q gives no reason", e.What)
		}
		if !e.used && complete && l.options.Complete {
			report("unused", "remove the entry", "the unavailable entry for %q matches nothing", e.What)
		}
	}
	return slices.Clip(found)
}
