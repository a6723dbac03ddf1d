package lint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
)

// maxJSONDepth is the depth to which yaml.v3 reads, too.
const maxJSONDepth = 10000

// parseJSON parses the JSON objects at the head of a chunk, one behind the other as in
// kubectl's streams, and returns the offset behind them: the chunk's own start where
// there are none. YAML holds JSON but for the form of some strings (\/, pairs of
// surrogates, keys of more than 1024 characters), and one object a document.
func parseJSON(ctx context.Context, src *Source, c yamltext.Chunk) (objects []*yaml.Node, end int) {
	end = c.Start
	for {
		at := objectStart(src.Data[:c.End], end)
		if at < 0 {
			return objects, end
		}
		text := src.Data[at:c.End]
		decoder := json.NewDecoder(&stoppable{ctx, bytes.NewReader(text)})
		decoder.UseNumber()
		p := &jsonParser{src: src, text: text, at: at, decoder: decoder}
		root, err := p.value(0)
		size := int(decoder.InputOffset())
		if err != nil || !utf8.Valid(text[:size]) { // the decoder would replace what is no text
			return objects, end
		}
		objects = append(objects, root)
		end = at + size
	}
}

// objectStart returns the offset of the brace that opens the first content behind an
// offset, -1 where something else does.
func objectStart(data []byte, at int) int {
	for at < len(data) {
		switch c := data[at]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			at++
		case c == '{':
			return at
		case c == '#' || yamltext.IsBareMarker(data[at:yamltext.NextLine(data, at)]):
			at = yamltext.NextLine(data, at)
		default:
			return -1
		}
	}
	return -1
}

// A jsonParser makes YAML nodes of the tokens of a text that begins at an offset of a source.
type jsonParser struct {
	src     *Source
	text    []byte
	at      int
	decoder *json.Decoder
}

var errDepth = errors.New("json: nested too deep")

// value parses the next value, and what is in it.
func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	if depth > maxJSONDepth {
		return nil, errDepth
	}
	from := int(p.decoder.InputOffset())
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	for from < len(p.text) && strings.IndexByte(" \t\r\n,:", p.text[from]) >= 0 {
		from++
	}
	start := p.src.Position(p.at + from)
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: start.Line, Column: start.Column}
	switch t := token.(type) {
	case json.Delim:
		n.Kind, n.Tag, n.Style = yaml.SequenceNode, "!!seq", yaml.FlowStyle
		if t == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for p.decoder.More() { // keys are values, too
			child, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		_, err = p.decoder.Token() // the closing bracket
		return n, err
	case string:
		n.Tag, n.Style, n.Value = "!!str", yaml.DoubleQuotedStyle, t
	case json.Number:
		n.Tag, n.Value = "!!int", t.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", "false"
		if t {
			n.Value = "true"
		}
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}
