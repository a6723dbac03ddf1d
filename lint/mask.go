package lint

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Mask is what reports print in place of a secret value.
const Mask = "********"

// minRedacted is the length in bytes from which a secret value is also hidden
// where it turns up in other text. Shorter ones ("admin") are words that
// messages need; they are masked where they stand.
const minRedacted = 8

// Masks knows the places and values that no report may show. The zero Masks
// hides nothing. It is safe for concurrent use until it is read.
type Masks struct {
	mu       sync.Mutex
	spans    map[*Source][]Span
	values   map[string]bool
	replacer *strings.Replacer
}

// AddSpan hides a place of a source.
func (m *Masks) AddSpan(s Span) {
	if !s.IsValid() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spans == nil {
		m.spans = map[*Source][]Span{}
	}
	m.spans[s.Start.Source] = append(m.spans[s.Start.Source], s)
}

// AddValue hides a value wherever it turns up, also base64 and URL encoded, and
// each line of a value of several lines.
func (m *Masks) AddValue(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.replacer = nil
	for _, v := range append(strings.Split(value, "\n"), value) {
		v = strings.TrimSpace(v)
		if len(v) < minRedacted {
			continue
		}
		m.values[v] = true
		m.values[base64.StdEncoding.EncodeToString([]byte(v))] = true
		m.values[url.QueryEscape(v)] = true
		m.values[url.PathEscape(v)] = true
		if decoded, err := base64.StdEncoding.DecodeString(v); err == nil && utf8.Valid(decoded) && len(decoded) >= minRedacted {
			m.values[string(decoded)] = true
		}
	}
}

// Redact returns text with every hidden value replaced by [Mask].
func (m *Masks) Redact(text string) string {
	if m == nil {
		return text
	}
	m.mu.Lock()
	if m.replacer == nil {
		// longest first, so that no value leaves the tail of a longer one behind
		var values []string
		for v := range m.values {
			values = append(values, v)
		}
		slices.SortFunc(values, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
		var pairs []string
		for _, v := range values {
			pairs = append(pairs, v, Mask)
		}
		m.replacer = strings.NewReplacer(pairs...)
	}
	r := m.replacer
	m.mu.Unlock()
	return r.Replace(text)
}

// Line returns line n of a source as a report may show it.
func (m *Masks) Line(src *Source, n int) string {
	text := src.Line(n)
	if m == nil {
		return text
	}
	m.mu.Lock()
	spans := slices.Clone(m.spans[src])
	m.mu.Unlock()
	slices.SortFunc(spans, func(a, b Span) int { return b.Start.Offset - a.Start.Offset })
	start := src.lineTable()[max(0, min(n, src.Lines())-1)]
	for _, s := range spans {
		from, to := max(s.Start.Offset-start, 0), min(s.End.Offset-start, len(text))
		if from < to && to <= len(text) {
			text = text[:from] + Mask + text[to:]
		}
	}
	return m.Redact(text)
}

// add takes over what other hides.
func (m *Masks) add(other *Masks) {
	if other == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spans == nil {
		m.spans = map[*Source][]Span{}
	}
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.replacer = nil
	for src, spans := range other.spans {
		m.spans[src] = append(m.spans[src], spans...)
	}
	for v := range other.values {
		m.values[v] = true
	}
}
