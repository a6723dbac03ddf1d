package render

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// parsed is one file of plain manifests.
type parsed struct {
	source    *lint.Source
	resources []*lint.Resource
	errs      []*lint.InputError
	object    bool // holds an object, or may
	values    int  // and keys, of all objects
}

// parsePlain parses files at jobs a time; the result is in the order of files.
// Files that do not fit into the memory of the run together with those that hold less are errors.
func parsePlain(ctx context.Context, files *tree.Tree, paths []string, jobs int) []parsed {
	out := make([]parsed, len(paths))
	most := limits.Values(ctx, int(max(files.Limit(), tree.DefaultLimit)/perValue)*maxFiles)
	var held atomic.Int64
	let := make([]bool, len(paths)) // go again, since there was no room
	var group sync.WaitGroup
	limit := make(chan struct{}, max(1, jobs))
	for i, path := range paths {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			if ctx.Err() != nil {
				return
			}
			src, err := files.Open(path)
			if errors.As(err, new(*tree.TooLargeError)) && !mayHoldObject(files, path) {
				return
			}
			if err != nil {
				name := lint.NewSource(files.Display(path), nil)
				out[i] = parsed{object: true, errs: []*lint.InputError{{Span: name.Span(0, 0), Message: unreadable(err)}}}
				return
			}
			out[i] = parse(ctx, src, files.Limit())
			if n := int64(out[i].values); n > largeFile && held.Add(n) > int64(most) {
				held.Add(-n)
				let[i], out[i].resources = true, nil
			}
		})
	}
	group.Wait()
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(out[i].values, out[j].values) })
	left := most
	for _, i := range order {
		if left -= out[i].values; left < 0 {
			err := &lint.InputError{Span: out[i].source.Span(0, 0), Message: fmt.Sprintf("the manifests hold more than %d values and keys together, and this file is one of the largest; it is not linted. Lint fewer files at once, or raise --limit-file or --limit-memory", most)}
			out[i] = parsed{source: out[i].source, object: true, errs: []*lint.InputError{err}}
		} else if let[i] {
			out[i] = parse(ctx, out[i].source, files.Limit())
		}
	}
	return out
}

// mayHoldObject reports whether a file that is too large to be read may hold an object: a
// large data file of a repository does not name an apiVersion.
func mayHoldObject(files *tree.Tree, path string) bool {
	const most = 1 << 30
	f, err := files.Stream(path)
	if err != nil {
		return true
	}
	defer f.Close()
	word := []byte("apiVersion")
	buffer := make([]byte, 1<<20)
	kept := 0
	for total := 0; total < most; {
		n, err := f.Read(buffer[kept:])
		total += n
		text := buffer[:kept+n]
		if bytes.Contains(text, word) {
			return true
		}
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		kept = copy(buffer, text[max(0, len(text)-len(word)):])
	}
	return true
}

func unreadable(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return reason(err).Error() + "; make it readable, or exclude it"
	}
	return reason(err).Error()
}

// What one file of manifests may take: time, unless the run has a limit of its own, and one
// value or key for so many bytes as a file may have, of those that may have the usual number or
// more. The largest files in use, the definitions
// of all kinds of a large operator, have a fifth of what that allows.
const (
	fileTime  = time.Minute
	perValue  = 64
	longBytes = 1 << 16 // no file that is shorter takes long

	maxFiles  = 4       // as large as one may be fit into one tree of files
	largeFile = 1 << 16 // values, of which many are not held at once
)

// parse reads the objects of a file, of those that have limit bytes at the most.
func parse(ctx context.Context, src *lint.Source, limit int64) parsed {
	if len(src.Data) > longBytes {
		limited, end := limits.Unit(ctx, fileTime, func(d time.Duration) error {
			return fmt.Errorf("reading takes longer than %s, and came as far as here; the file is not linted. Split it, or raise --limit-time", d)
		})
		defer end()
		ctx = limited
	}
	return contained(src, func(src *lint.Source) parsed { return parseFile(ctx, src, int(max(limit, tree.DefaultLimit)/perValue)) })
}

// contained makes a fault of a parser an error of the file.
func contained(src *lint.Source, parse func(*lint.Source) parsed) (p parsed) {
	defer func() {
		if fault := recover(); fault != nil {
			err := &lint.InputError{Span: src.Span(0, 0), Message: fmt.Sprintf("parsing failed: %v; please report this with the file", fault)}
			p = parsed{source: src, object: true, errs: []*lint.InputError{err}}
		}
	}()
	return parse(src)
}

func parseFile(ctx context.Context, src *lint.Source, most int) parsed {
	if text, ok := fromUTF16(src.Data); ok {
		file := src.File
		src = lint.NewSource(src.Path, text)
		src.File = file
	}
	// Most YAML of a repository is no manifest, and broken YAML that names no kind
	// is none of our business: look before parsing.
	if !namesObject(src.Data) {
		if namesObject(bytes.ReplaceAll(src.Data, []byte{0}, nil)) {
			err := &lint.InputError{Span: src.Span(0, 0), Message: "the text is neither UTF-8 nor UTF-16, so it cannot be read; save it as UTF-8"}
			return parsed{source: src, object: true, errs: []*lint.InputError{err}}
		}
		return parsed{source: src}
	}
	p := parsed{source: src}
	docs, errs, cut := lint.ReadDocuments(ctx, src, most)
	if cut != nil && ctx.Err() != nil { // how far it came is chance
		return parsed{source: src, object: true, errs: []*lint.InputError{cut}}
	}
	p.errs = errs
	template := bytes.Contains(src.Data, []byte("{{")) // looked for once, however many documents there are
	for _, e := range errs {
		if template {
			e.Message += "; this looks like a template outside a chart: exclude it, or lint what it renders"
		} else {
			e.Message += "; fix the document, or exclude the file"
		}
	}
	if cut != nil {
		cut.Message = fmt.Sprintf("%s: the limit is %d; what begins here is not linted. Split the file, or raise --limit-file", cut.Message, most)
		p.errs = append(p.errs, cut)
	}
	for _, doc := range docs {
		p.values += doc.Values
		var action *lint.Node
		if template {
			action = templateAction(doc.Root)
		}
		if action != nil {
			p.errs = append(p.errs, &lint.InputError{Span: action.Span(src), Message: "{{ … }} in place of a value; this looks like a template outside a chart: exclude it, or lint what it renders"})
			continue
		}
		p.errs = append(p.errs, doc.Nameless(src)...)
		p.resources = append(p.resources, doc.Resources(lint.FileLocator{Source: src})...)
	}
	p.object = len(p.resources) > 0 || len(p.errs) > 0
	return p
}

// templateAction finds a template's {{ … }} that is bare where a value belongs: YAML
// takes it for a mapping with a mapping as its key, which no object can hold. It returns nil
// where there is none.
func templateAction(doc *lint.Node) (found *lint.Node) {
	inBraces := func(n *lint.Node) bool { return n.IsMapping() && n.Style()&yaml.FlowStyle != 0 }
	seen := map[any]bool{}
	var walk func(n *lint.Node)
	walk = func(n *lint.Node) {
		if found != nil || n.IsScalar() || seen[n.Identity()] {
			return
		}
		seen[n.Identity()] = true
		for i, e := range n.Entries() {
			if e.Name() == "" { // of a key that is a mapping, too
				key := e.KeyNode()
				if i == 0 && inBraces(n) && inBraces(key) {
					found = n
					return
				}
				walk(key)
			}
			walk(e)
		}
		for _, item := range n.Items() {
			walk(item)
		}
	}
	walk(doc)
	return found
}

// namesObject reports whether a text holds the two words without which no object is one.
func namesObject(text []byte) bool {
	return bytes.Contains(text, []byte("apiVersion")) && bytes.Contains(text, []byte("kind"))
}

// fromUTF16 decodes text in UTF-16, as YAML allows and Windows' PowerShell writes. It is
// told by its byte order mark, or else by its first character, which is one of ASCII's
// (https://yaml.org/spec/1.2.2/#52-character-encodings). Lines and columns stay what they are.
func fromUTF16(data []byte) (text []byte, ok bool) {
	var order binary.ByteOrder
	start := 2
	switch {
	case len(data) < 4 || data[0] == 0 && data[1] == 0 || data[2] == 0 && data[3] == 0: // too short, or UTF-32
		return nil, false
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case data[1] == 0:
		order, start = binary.LittleEndian, 0
	case data[0] == 0:
		order, start = binary.BigEndian, 0
	default:
		return nil, false
	}
	var units []uint16
	for at := start; at+1 < len(data); at += 2 {
		units = append(units, order.Uint16(data[at:]))
	}
	text = []byte(string(utf16.Decode(units)))
	if len(data)%2 != 0 {
		text = append(text, "\ufffd"...)
	}
	return text, true
}

// plainBundle makes one bundle of the files that hold an object, and of the objects
// next to them, which are there for what they say of the others.
func plainBundle(root string, all []parsed, beside []*lint.Resource, o Options) (b *lint.Bundle, skipped int) {
	var resources []*lint.Resource
	var errs []*lint.InputError
	var sources []*lint.Source
	held := false
	for _, p := range all {
		if !p.object {
			skipped++
			continue
		}
		held = true
		resources = append(resources, p.resources...)
		if p.source != nil {
			sources = append(sources, p.source)
		}
		errs = append(errs, p.errs...)
	}
	if !held {
		return nil, skipped
	}
	b = o.newBundle(lint.Rendering{Kind: "file", Root: filepath.ToSlash(root)}, append(resources, beside...))
	b.Unselected = map[*lint.Resource]bool{}
	for _, r := range beside {
		b.Unselected[r] = true
	}
	for _, e := range errs {
		e.Rendering = &b.Rendering
	}
	b.Errors, b.Sources = errs, sources
	return b, skipped
}

// stdin reads manifests from standard input.
func (l *loader) stdin(ctx context.Context) *Rendered {
	data, err := io.ReadAll(l.Stdin) // its writer bounds it
	if err != nil {
		return &Rendered{Errors: []*lint.InputError{{Message: "standard input: " + err.Error()}}}
	}
	b, skipped := plainBundle("<stdin>", []parsed{parse(ctx, lint.NewSource("<stdin>", data), l.files.Limit())}, nil, l.Options)
	if b == nil {
		return &Rendered{}
	}
	l.mu.Lock()
	l.streams++
	l.mu.Unlock()
	return &Rendered{Bundles: []*lint.Bundle{b}, Skipped: skipped}
}
