package render

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/source"
)

// parsed is one file of plain manifests.
type parsed struct {
	source    *lint.Source
	resources []*lint.Resource
	errs      []*lint.InputError
	object    bool // holds an object, or may
}

// parsePlain parses files at jobs a time; the result is in the order of files.
func parsePlain(files *source.Files, paths []string, jobs int) []parsed {
	out := make([]parsed, len(paths))
	var group sync.WaitGroup
	limit := make(chan struct{}, max(1, jobs))
	for i, path := range paths {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			src, err := files.Open(path)
			if err != nil {
				name := lint.NewSource(files.Display(path), nil)
				out[i] = parsed{object: true, errs: []*lint.InputError{{Span: name.Span(0, 0), Message: unreadable(err)}}}
				return
			}
			out[i] = parse(src)
		})
	}
	group.Wait()
	return out
}

func unreadable(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return reason(err).Error() + "; make it readable, or exclude it"
	}
	return reason(err).Error()
}

func parse(src *lint.Source) parsed {
	if text, ok := fromUTF16(src.Data); ok {
		file := src.File
		src = lint.NewSource(src.Path, text)
		src.File = file
	}
	// Most YAML of a repository is no manifest, and broken YAML that names no kind
	// is none of our business: look before parsing.
	if !bytes.Contains(src.Data, []byte("apiVersion")) || !bytes.Contains(src.Data, []byte("kind")) {
		return parsed{source: src}
	}
	p := parsed{source: src}
	docs, errs := lint.ParseYAML(src)
	p.errs = errs
	for _, e := range errs {
		if strings.Contains(string(src.Data), "{{") {
			e.Message += "; this looks like a template outside a chart: exclude it, or lint what it renders"
		} else {
			e.Message += "; mend the document, or exclude the file"
		}
	}
	for _, doc := range docs {
		p.resources = append(p.resources, lint.NewResources(doc, lint.FileLocator{Source: src})...)
	}
	p.object = len(p.resources) > 0 || len(errs) > 0
	return p
}

// fromUTF16 decodes text that begins with UTF-16's byte order mark, as YAML allows and
// Windows' PowerShell writes. Lines and columns stay what they are.
func fromUTF16(data []byte) (text []byte, ok bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return nil, false
	}
	var units []uint16
	for at := 2; at+1 < len(data); at += 2 {
		units = append(units, order.Uint16(data[at:]))
	}
	text = []byte(string(utf16.Decode(units)))
	if len(data)%2 != 0 {
		text = append(text, "\ufffd"...)
	}
	return text, true
}

// plainBundle makes one bundle of the files that hold an object.
func plainBundle(root string, all []parsed, o Options) (b *lint.Bundle, skipped int) {
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
	b = o.newBundle(lint.Rendering{Kind: "file", Root: filepath.ToSlash(root)}, resources)
	for _, e := range errs {
		e.Rendering = &b.Rendering
	}
	b.Errors, b.Sources = errs, sources
	return b, skipped
}

// stdin reads manifests from standard input.
func stdin(r io.Reader, o Options) (*lint.Bundle, *lint.InputError) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, &lint.InputError{Message: "standard input: " + err.Error()}
	}
	p := parse(lint.NewSource("<stdin>", data))
	b, _ := plainBundle("<stdin>", []parsed{p}, o)
	return b, nil
}
