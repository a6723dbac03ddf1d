package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// digestsParam is the parameter of rules that [Config.Digests] are for.
const digestsParam = "digests"

// digests reads a list of images with their digests, or the name of a file of them.
func (p *parser) digests(n *lint.Node) {
	switch {
	case n.IsScalar() && n.Value() != "":
		p.config.DigestFile = Named{n.Value(), lint.NodeSpan(p.src, n.YAML())}
	case !n.IsSequence():
		p.errorf(n, "digests: a file, or a list of images with their digests, is expected here")
	}
	for _, item := range n.Items() {
		pinned, err := pinnedImage(item.Value())
		if err != nil {
			p.errorf(item, "digests: %v", err)
			continue
		}
		p.config.Digests = append(p.config.Digests, pinned)
	}
}

// ParseDigests reads a file of images with their digests: one a line, as "image:tag digest" or
// "image:tag@digest", with comments behind #. It returns each as image:tag@digest; what is wrong
// with a line is an error there.
func ParseDigests(src *lint.Source) (pinned []string, errs []*lint.InputError) {
	lines := map[string]int{} // of the images
	for n := 1; n <= src.Lines(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(src.Line(n), "\ufeff"))
		if i := strings.Index(text, "#"); i == 0 || i > 0 && (text[i-1] == ' ' || text[i-1] == '\t') {
			text = strings.TrimSpace(text[:i])
		}
		if text == "" {
			continue
		}
		p, err := pinnedImage(text)
		if err == nil {
			name, _, _ := strings.Cut(p, "@")
			if first := lines[name]; first > 0 && !slices.Contains(pinned, p) {
				err = fmt.Errorf("%q has another digest on line %d", name, first)
			} else if first == 0 {
				lines[name] = n
			}
		}
		if err != nil {
			errs = append(errs, &lint.InputError{Span: src.LineSpan(n), Message: err.Error()})
			continue
		}
		pinned = append(pinned, p)
	}
	return pinned, errs
}

var digest = regexp.MustCompile(`^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

// pinnedImage returns an image with its digest, however the two are joined.
func pinnedImage(text string) (string, error) {
	name, sum, ok := strings.Cut(text, "@")
	if !ok {
		fields := strings.Fields(text)
		if len(fields) != 2 {
			return "", errors.New("an image and its digest are expected, as registry.example/web:1.4 sha256:… or registry.example/web:1.4@sha256:…")
		}
		name, sum = fields[0], fields[1]
	}
	name, sum = strings.TrimSpace(name), strings.TrimSpace(sum)
	if _, err := lint.ParseImageReference(name); err != nil {
		return "", fmt.Errorf("%s is not the name of an image: %w", lint.Quote(name), err)
	}
	if !digest.MatchString(sum) {
		return "", fmt.Errorf("%s is not a digest; write it as sha256: and 64 digits from 0 to f", lint.Quote(sum))
	}
	return name + "@" + sum, nil
}

// addDigests gives the digests to the rules that have the parameter, behind those of the rule's own.
func (c *Config) addDigests(rules []*lint.Rule) {
	for _, r := range rules {
		if len(c.Digests) == 0 || !slices.ContainsFunc(r.Params, func(p lint.Param) bool { return p.Name == digestsParam }) {
			continue
		}
		s := c.Rules[r.ID]
		if s.Params == nil {
			s.Params = map[string]any{}
		}
		own, _ := s.Params[digestsParam].([]string)
		s.Params[digestsParam] = slices.Concat(own, c.Digests)
		c.Rules[r.ID] = s
	}
}
