package render

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

func TestManifestsInUTF16AreRead(t *testing.T) {
	text := "\ufeff# grüße 😀\r\napiVersion: v1\r\nkind: Pod\r\nmetadata: {name: a}\r\n---\r\napiVersion: v1\r\nkind: Pod\r\nmetadata: {note: 😀, name: \"ü\"}\r\n"
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		var data []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			data = order.AppendUint16(data, unit)
		}
		unmarked := parse(t.Context(), lint.NewSource("x.yaml", data[2:]), tree.DefaultLimit)
		if len(unmarked.errs) > 0 || len(unmarked.resources) != 2 {
			t.Errorf("%s, no byte order mark: %d objects, errors %v", name, len(unmarked.resources), unmarked.errs)
		}
		p := parse(t.Context(), lint.NewSource("x.yaml", data), tree.DefaultLimit)
		if len(p.errs) > 0 || len(p.resources) != 2 {
			t.Errorf("%s: %d objects, errors %v", name, len(p.resources), p.errs)
			continue
		}
		if at := p.resources[1].Get("metadata", "name").Locate().Span; at.Start.Line != 8 || at.Start.Column != 27 || at.Text() != `"ü"` {
			t.Errorf("%s: the name stands at %s %q", name, at.Start, at.Text())
		}
		broken := parse(t.Context(), lint.NewSource("x.yaml", append(order.AppendUint16(data, '['), 0)), tree.DefaultLimit)
		if len(broken.errs) != 1 || !strings.HasPrefix(broken.errs[0].Error(), "x.yaml:") {
			t.Errorf("%s: cut short, errors %v", name, broken.errs)
		}
	}
}

func TestManifestsInAnotherEncodingAreAnError(t *testing.T) {
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	for name, runes := range map[string][]rune{"UTF-32": []rune("\ufeff" + text), "UTF-32, no byte order mark": []rune(text)} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			var data []byte
			for _, r := range runes {
				data = order.AppendUint32(data, uint32(r))
			}
			p := parse(t.Context(), lint.NewSource("x.yaml", data), tree.DefaultLimit)
			if len(p.errs) != 1 || !strings.Contains(p.errs[0].Error(), "x.yaml:1:1: the text is neither UTF-8 nor UTF-16") {
				t.Errorf("%s, %v: %d objects, errors %v", name, order, len(p.resources), p.errs)
			}
		}
	}
}

func TestAManifestWithoutAKindIsAnError(t *testing.T) {
	p := parse(t.Context(), lint.NewSource("x.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiversion: v1\nkind: Pod\nmetadata: {name: b}\n")), tree.DefaultLimit)
	if len(p.resources) != 1 || len(p.errs) != 1 || p.errs[0].Span.Start.Line != 7 {
		t.Errorf("%d objects, errors %v", len(p.resources), p.errs)
	}
}

// Where files hold too much together the largest are left out, whatever the order of work.
func TestTheLargestFilesAreLeftOut(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector takes the memory that the limit is about")
	}
	dir := t.TempDir()
	var paths []string
	for name, values := range map[string]int{"a.yaml": 70000, "b.yaml": 10, "c.yaml": 66000, "d.yaml": 90000} {
		text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n" + strings.Repeat("- v\n", values)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for range 10 {
		debug.FreeOSMemory() // what other tests left counts against the limit
		ctx, stop := limits.Start(t.Context(), limits.Limits{Memory: 150000 << 10}, nil)
		rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		var read []string
		for i, p := range parsePlain(ctx, tree.New(nil), paths, 4) {
			name := filepath.Base(paths[i])
			if len(p.resources) == 1 && len(p.errs) == 0 {
				read = append(read, name)
			} else if len(p.errs) != 1 || !strings.Contains(p.errs[0].Message, "one of the largest") {
				t.Errorf("%s: %v", name, p.errs)
			}
		}
		stop()
		if slices.Sort(read); strings.Join(read, " ") != "a.yaml b.yaml c.yaml" {
			t.Fatalf("read %v", read)
		}
	}
}
