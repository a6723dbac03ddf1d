package lint

import (
	"errors"
	"fmt"
	"strings"
)

// An ImageReference names a container image, as container runtimes read it: nginx is
// docker.io/library/nginx.
type ImageReference struct {
	Registry string // with its port; docker.io where the text names none
	Path     string
	Tag      string // "" where there is none
	Digest   string // with its algorithm; "" where there is none
}

// Name returns the registry and the path.
func (r ImageReference) Name() string {
	if r.Registry == "" {
		return r.Path
	}
	return r.Registry + "/" + r.Path
}

// String returns the whole reference.
func (r ImageReference) String() string {
	text := r.Name()
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

// Tagged returns the reference with the tag that a runtime supposes where there is neither tag nor
// digest: latest.
func (r ImageReference) Tagged() ImageReference {
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r
}

// ParseImageReference reads a reference as github.com/distribution/reference normalizes it, whose
// grammar runtimes follow (https://pkg.go.dev/github.com/distribution/reference), and returns its
// error where the text is none. A test compares the two: the module compiles its expressions when
// a program starts, for whatever it is started.
func ParseImageReference(text string) (ImageReference, error) {
	if len(text) == 64 && strings.Trim(text, "0123456789abcdef") == "" {
		return ImageReference{}, fmt.Errorf("invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text)
	}
	registry, rest := dockerDomain(text)
	if path, _, _ := strings.Cut(rest, ":"); strings.ToLower(path) != path {
		return ImageReference{}, fmt.Errorf("invalid reference format: repository name (%s) must be lowercase", path)
	}
	text = registry + "/" + rest
	parts := imageReference().FindStringSubmatch(text)
	if parts == nil {
		if imageReference().MatchString(strings.ToLower(text)) {
			return ImageReference{}, errors.New("repository name must be lowercase")
		}
		return ImageReference{}, errors.New("invalid reference format")
	}
	r := ImageReference{Path: parts[1], Tag: parts[2], Digest: parts[3]}
	if name := imageName().FindStringSubmatch(parts[1]); name != nil {
		r.Registry, r.Path = name[1], name[2]
	}
	if len(r.Path) > 255 {
		return ImageReference{}, errors.New("repository name must not be more than 255 characters")
	}
	if r.Digest != "" {
		if err := checkDigest(r.Digest); err != nil {
			return ImageReference{}, err
		}
	}
	return r, nil
}

// CutTag cuts a name of an image, without a digest, around the colon of its tag, whether it is a
// reference that runtimes take or not; tag is "" where there is none.
func CutTag(name string) (before, tag string) {
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') { // else that of a port
		return name[:at], name[at+1:]
	}
	return name, ""
}

// dockerDomain tells the registry from the path: the first part is one if it looks like one.
func dockerDomain(text string) (registry, rest string) {
	first, others, ok := strings.Cut(text, "/")
	switch {
	case !ok:
		return "docker.io", "library/" + text
	case first == "index.docker.io":
		registry, rest = "docker.io", others
	case first == "localhost", strings.ContainsAny(first, ".:"), strings.ToLower(first) != first:
		registry, rest = first, others
	default:
		registry, rest = "docker.io", text
	}
	if registry == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return registry, rest
}

const (
	imageHost = `(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
	imagePart = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`
	imagePath = imagePart + `(?:/` + imagePart + `)*`
)

var (
	imageName      = Regexp(`^(?:(` + imageHost + `)/)?(` + imagePath + `)$`)
	imageReference = Regexp(`^((?:` + imageHost + `/)?` + imagePath + `)(?::(\w[\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}))?$`)
	digestWords    = Regexp(`^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`)
)

// checkDigest returns what is wrong with a digest.
func checkDigest(digest string) error {
	algorithm, sum, _ := strings.Cut(digest, ":")
	digits := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	switch {
	case digits == 0 && digestWords().MatchString(digest):
		return errors.New("unsupported digest algorithm")
	case digits == 0:
		return errors.New("invalid checksum digest format")
	case len(sum) != digits:
		return errors.New("invalid checksum digest length")
	case strings.Trim(sum, "0123456789abcdef") != "":
		return errors.New("invalid checksum digest format")
	}
	return nil
}
