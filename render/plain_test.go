package render

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/manilint/manilint/lint"
)

func TestManifestsInUTF16AreRead(t *testing.T) {
	text := "\ufeff# grüße 😀\r\napiVersion: v1\r\nkind: Pod\r\nmetadata: {name: a}\r\n---\r\napiVersion: v1\r\nkind: Pod\r\nmetadata: {note: 😀, name: \"ü\"}\r\n"
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		var data []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			data = order.AppendUint16(data, unit)
		}
		p := parse(lint.NewSource("x.yaml", data))
		if len(p.errs) > 0 || len(p.resources) != 2 {
			t.Errorf("%s: %d objects, errors %v", name, len(p.resources), p.errs)
			continue
		}
		if at := p.resources[1].Get("metadata", "name").Locate().Span; at.Start.Line != 8 || at.Start.Column != 27 || at.Text() != `"ü"` {
			t.Errorf("%s: the name stands at %s %q", name, at.Start, at.Text())
		}
		broken := parse(lint.NewSource("x.yaml", append(order.AppendUint16(data, '['), 0)))
		if len(broken.errs) != 1 || !strings.HasPrefix(broken.errs[0].Error(), "x.yaml:") {
			t.Errorf("%s: cut short, errors %v", name, broken.errs)
		}
	}
}
