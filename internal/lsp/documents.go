package lsp

import (
	"maps"
	"slices"
	"sync"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/lint"
)

// A document is a file as the client shows it, saved or not. It is immutable.
type document struct {
	uri     uri.URI // as the client writes it
	path    string
	version int32
	src     *lint.Source
}

// documents are the open documents, by path. They are safe for concurrent use.
type documents struct {
	mu   sync.Mutex
	open map[string]*document
}

// put opens a document, or replaces its text.
func (d *documents) put(at uri.URI, version int32, text string) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc := &document{uri: at, path: at.FsPath(), version: version, src: lint.NewSource(at.FsPath(), []byte(text))}
	d.open[doc.path] = doc
	return doc
}

// change applies changes to a document, one after another. It returns nil where the document
// is not open.
func (d *documents) change(at uri.URI, version int32, changes []protocol.TextDocumentContentChangeEvent, e encoding) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc := d.open[at.FsPath()]
	if doc == nil {
		return nil
	}
	src := doc.src
	for _, change := range changes {
		switch c := change.(type) {
		case *protocol.TextDocumentContentChangePartial:
			at := lines{src, e}
			start, end := at.offset(c.Range.Start), at.offset(c.Range.End)
			if end < start {
				start, end = end, start
			}
			text := slices.Concat(src.Data[:start], []byte(c.Text), src.Data[end:])
			src = lint.NewSource(doc.path, text)
		case *protocol.TextDocumentContentChangeWholeDocument:
			src = lint.NewSource(doc.path, []byte(c.Text))
		}
	}
	doc = &document{uri: doc.uri, path: doc.path, version: version, src: src}
	d.open[doc.path] = doc
	return doc
}

func (d *documents) close(at uri.URI) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, at.FsPath())
}

// get returns an open document, or nil.
func (d *documents) get(path string) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[path]
}

// snapshot returns the documents that are open, by path.
func (d *documents) snapshot() map[string]*document {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.open)
}

// edits returns the texts of documents as a tree takes them.
func edits(open map[string]*document) map[string][]byte {
	all := map[string][]byte{}
	for path, doc := range open {
		all[path] = doc.src.Data
	}
	return all
}
