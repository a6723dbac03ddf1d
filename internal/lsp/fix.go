package lsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// Fixed is what became of the fixes that were wanted.
type Fixed struct {
	Files []FixedFile
	// Count is the number of findings that the edits make go away; Reasons say of the others
	// why they are not fixed.
	Count   int
	Reasons []string
}

// A FixedFile is a file that a fix changes; Before is nil for one that is to be made.
type FixedFile struct {
	Path          string
	Before, After []byte
}

// A Fixer finds and proves fixes for findings of a directory, those that are risky too where
// that is wanted. It writes nothing.
type Fixer func(ctx context.Context, t *tree.Tree, dir string, want func(*lint.Finding) bool, risky bool) (*Fixed, error)

// fixOne has the editor apply the fix of one finding.
func (s *server) fixOne(ctx context.Context, l *lookedAt, fingerprint string) error {
	return s.fix(ctx, l, func(f *lint.Finding) bool { return f.Fingerprint == fingerprint }, true)
}

// fixAll has the editor apply all safe fixes of what is found in a file.
func (s *server) fixAll(ctx context.Context, l *lookedAt) error {
	return s.fix(ctx, l, func(f *lint.Finding) bool {
		touches := f.Span.IsValid() && f.Span.Start.Source.File == l.path
		for _, r := range f.Related {
			touches = touches || r.Span.IsValid() && r.Revision == "" && r.Span.Start.Source.File == l.path
		}
		return touches
	}, false)
}

// fix proves fixes on the documents as they are, and asks the client to apply their edits. A
// document that changed meanwhile is not edited.
func (s *server) fix(ctx context.Context, l *lookedAt, want func(*lint.Finding) bool, risky bool) error {
	open := s.documents.snapshot()
	fixed, err := s.options.Fix(ctx, l.directory.tree(open), l.directory.dir, want, risky)
	if err != nil {
		return err
	}
	if fixed.Count == 0 {
		if len(fixed.Reasons) == 0 {
			return errors.New("there is nothing that has a fix")
		}
		return errors.New("not fixed: " + strings.Join(fixed.Reasons, "; "))
	}
	show := l.directory.shower(open)
	edit := &protocol.WorkspaceEdit{Changes: map[uri.URI][]protocol.TextEdit{}}
	for _, file := range fixed.Files {
		doc := open[file.Path]
		if now := s.documents.get(file.Path); now != doc {
			return fmt.Errorf("%s changed meanwhile; try again", file.Path)
		}
		at := show.uris(file.Path)
		switch {
		case file.Before == nil && s.creates:
			edit.DocumentChanges = append(edit.DocumentChanges, &protocol.CreateFile{Kind: "create", URI: at}, &protocol.TextDocumentEdit{
				TextDocument: protocol.OptionalVersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: at}},
				Edits:        []protocol.TextDocumentEditElement{&protocol.TextEdit{NewText: string(file.After)}},
			})
		case file.Before == nil:
			return fmt.Errorf("the fix makes the file %s, which this editor cannot; manilint --fix=all does", file.Path)
		case s.versions:
			var version *int32
			if doc != nil {
				version = &doc.version
			}
			one := s.replacement(file)
			edit.DocumentChanges = append(edit.DocumentChanges, &protocol.TextDocumentEdit{
				TextDocument: protocol.OptionalVersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: at}, Version: version},
				Edits:        []protocol.TextDocumentEditElement{&one},
			})
		default:
			edit.Changes[at] = append(edit.Changes[at], s.replacement(file))
		}
	}
	if len(edit.DocumentChanges) > 0 {
		edit.Changes = nil
	}
	label := "manilint: fix"
	answer, err := s.client.ApplyEdit(ctx, &protocol.ApplyWorkspaceEditParams{Label: &label, Edit: *edit})
	if err != nil {
		return err
	}
	if !answer.Applied {
		return errors.New("the editor did not apply the edit")
	}
	return nil
}

// replacement returns one edit that makes the new text of the old one: of the lines from the
// first to the last that differ.
func (s *server) replacement(file FixedFile) protocol.TextEdit {
	before, after := file.Before, file.After
	start := 0
	for i := 0; i < min(len(before), len(after)) && before[i] == after[i]; i++ {
		if before[i] == '\n' {
			start = i + 1
		}
	}
	end := 0 // from behind
	for i := 1; i <= min(len(before), len(after))-start && before[len(before)-i] == after[len(after)-i]; i++ {
		if i == len(before)-start || before[len(before)-i-1] == '\n' {
			end = i
		}
	}
	if end > 0 && len(after)-end > 0 && !bytes.HasSuffix(after[:len(after)-end], []byte("\n")) && len(after)-end > start {
		end = 0 // the line before it does not end in the new text
	}
	l := lines{lint.NewSource(file.Path, before), s.encoding}
	return protocol.TextEdit{Range: protocol.Range{Start: l.position(start), End: l.position(len(before) - end)}, NewText: string(after[start : len(after)-end])}
}
