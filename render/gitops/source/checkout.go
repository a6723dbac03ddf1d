package source

import (
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// A Checkout is the tree in which the paths of controllers' objects are looked up.
type Checkout struct {
	Files *tree.Tree // in the jail
	// Charts are the directories of the charts that may be deployed.
	Charts []string

	root      string
	addresses func() []string // in normal form, of the remotes and of those configured
}

// Addresses returns what finds the addresses of the checkout at root, once: those of its
// remotes and, of repositories, others under which controllers know it.
func Addresses(root string, repositories []string) func() []string {
	return sync.OnceValue(func() []string {
		var all []string
		for _, address := range slices.Concat(repositories, tree.Remotes(root)) {
			if a := normal(address); a != "" {
				all = append(all, a)
			}
		}
		return all
	})
}

// NewCheckout returns the checkout that files lie in, with what [Addresses] returned of it.
func NewCheckout(files *tree.Tree, charts []string, addresses func() []string) *Checkout {
	root, _ := files.Jail()
	return &Checkout{Files: files, Charts: charts, root: root, addresses: addresses}
}

// An Answer says whether something is so.
type Answer int

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// Is says whether an address is that of the checkout's repository. It is unknown where the
// checkout has no remote and nothing is configured. A fork or a mirror has the name of its
// origin: an address that ends as one of the checkout's does is taken for it.
func (c *Checkout) Is(address string) Answer {
	known := c.addresses()
	asked := normal(address)
	if len(known) == 0 || asked == "" {
		return Unknown
	}
	for _, own := range known {
		if own == asked || strings.EqualFold(path.Base(own), path.Base(asked)) {
			return Yes
		}
	}
	return No
}

// Same reports whether two addresses are those of one repository.
func Same(a, b string) bool {
	a, b = normal(a), normal(b)
	return a != "" && a == b
}

var scpAddress = lint.Regexp(`^(?:[\w.-]+@)?([\w.-]+):([^/].*)$`)

// normal returns host and path of a repository's address, however it is written: by https or
// ssh, with a user, a port or .git, or without. It is "" for what has no host, as a path.
func normal(address string) string {
	address = strings.TrimSpace(address)
	if m := scpAddress().FindStringSubmatch(address); m != nil && !strings.Contains(address, "://") {
		address = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	at := strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	if at == "" {
		return ""
	}
	return strings.ToLower(u.Hostname()) + "/" + at
}

// Bases returns the directories that a path of a repository may begin at, the likeliest
// first: the root of the checkout; those above it, where it is a part of the repository that
// was copied alone; those between it and the file that names the path, which may lie in an
// example, or in a repository inside of another.
func (c *Checkout) Bases(at lint.Span) []string {
	all := []string{c.root}
	if c.Files.GitRoot(c.root) != c.root {
		for dir := filepath.Dir(c.root); dir != filepath.Dir(dir) && len(all) < 10; dir = filepath.Dir(dir) {
			all = append(all, dir)
		}
	}
	if at.Start.Source == nil || at.Start.Source.File == "" {
		return all
	}
	var between []string
	for dir := filepath.Dir(at.Start.Source.File); dir != c.root && tree.Within(c.root, dir); dir = filepath.Dir(dir) {
		between = append(between, dir)
	}
	slices.Reverse(between)
	return append(all, between...)
}

// Dir returns the directory that a path of the repository names, in an object that is at a
// span, and the base that the path begins at; ok is false where there is none.
func (c *Checkout) Dir(path string, at lint.Span) (dir, base string, ok bool) {
	rel := filepath.FromSlash(strings.TrimPrefix(filepath.ToSlash(filepath.Clean("/"+path)), "/"))
	for _, base := range c.Bases(at) {
		dir := filepath.Join(base, rel)
		if tree.Within(c.root, dir) && c.Files.IsDir(dir) {
			return dir, base, true
		}
	}
	return "", "", false
}
