package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
)

// baselineName is where init puts a baseline.
const baselineName = ".manilint-baseline.jsonl"

func (c *command) initCommand() *cobra.Command {
	withBaseline := false
	cmd := &cobra.Command{
		Use: "init [flags]", Short: "write a configuration, the pre-commit entry and a CI file",
		Example: "  manilint init              files that are there are kept as they are\n" +
			"  manilint init --baseline   what is found today is known: only what is new is reported",
		Args: none("init takes no path: it sets up the checkout around the current directory"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error { return c.init(withBaseline) },
	}
	cmd.Flags().BoolVar(&withBaseline, "baseline", false, "write what is found to "+baselineName+", so that the tree passes from now on")
	return cmd
}

// A setup is one run of init.
type setup struct {
	*command
	flags *flags
	root  string // the directory that is set up, absolute
	path  string // the same as an input
}

// init looks at the tree and writes what a project needs to adopt manilint.
func (c *command) init(withBaseline bool) error {
	f := &flags{}
	f.registerLint(pflag.NewFlagSet("init", pflag.ContinueOnError)) // the defaults
	f.quiet, f.allowEmpty = true, true
	s := &setup{command: c, flags: f, root: f.root()}
	s.path = f.files().Display(s.root)
	file := filepath.Join(s.root, config.Name)
	found := &settings{}
	text, exists := []byte(nil), false
	if _, err := os.Lstat(file); err == nil {
		exists = true
		groups, err := f.group([]string{s.path})
		if err != nil {
			return err
		}
		if withBaseline && groups[0].config.Baseline == "" {
			s.tell("kept", config.Name, "it is there; add this line to it, then run manilint --write-baseline "+baselineName+":\n    baseline: "+baselineName)
		} else {
			s.tell("kept", config.Name, "it is there")
		}
	} else {
		var err error
		if found, err = s.look(); err != nil {
			return err
		}
		if withBaseline {
			found.baseline = baselineName
		}
		text = found.text()
		if err := s.create(config.Name, text, found.summary()); err != nil {
			return err
		}
	}
	if withBaseline && !exists {
		if err := s.writeKnown(text); err != nil {
			return err
		}
	}
	if err := s.create(".pre-commit-config.yaml", []byte(preCommit()), "manilint lints what is staged; install it with: pre-commit install"); err != nil {
		return err
	}
	if err := s.pipeline(); err != nil {
		return err
	}
	for _, e := range found.left {
		fmt.Fprintf(c.out, "still fails: %s\n", e.Error())
	}
	switch {
	case len(found.left) > 0:
		fmt.Fprintf(c.out, "manilint exits with 3 until %s: fix it, add the values that a chart requires as a variant, or exclude it\n", count(len(found.left), "error is fixed", "errors are fixed"))
	case !withBaseline && !exists:
		fmt.Fprintln(c.out, "next: manilint lints the tree; to report only what is new, run manilint --write-baseline "+baselineName+" and add baseline: "+baselineName+" to "+config.Name)
	}
	return nil
}

// tell says what was done with a file.
func (s *setup) tell(done, name, why string) {
	fmt.Fprintf(s.out, "%s %s: %s\n", done, name, why)
}

// create writes a file that is not there, and says so; one that is there is kept, and what
// would have been written is shown where a project may need it.
func (s *setup) create(name string, text []byte, why string) error {
	at := filepath.Join(s.root, filepath.FromSlash(name))
	for dir := filepath.Dir(at); tree.Within(s.root, dir) && dir != s.root; dir = filepath.Dir(dir) {
		if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			s.tell("left out", name, "a directory on the way to it is a link")
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, reason(err))
	}
	file, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		if data, err := os.ReadFile(at); err == nil && strings.Contains(string(data), "manilint") {
			s.tell("kept", name, "it is there, and already runs manilint")
			return nil
		}
		s.tell("kept", name, "it is there; add to it:")
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				fmt.Fprint(s.out, "    ", line)
			}
		}
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be written: %w", name, reason(err))
	}
	_, err = file.Write(text)
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, reason(err))
	}
	s.tell("wrote", name, why)
	return nil
}

// settings are what a configuration says next to the defaults.
type settings struct {
	variants    []config.Variant
	exclude     []string
	unavailable []config.Unavailable
	baseline    string
	left        []*lint.InputError // what still cannot be checked
}

// lint checks the tree with a configuration that is on no disk yet.
func (s *setup) lint(text []byte) (*lint.Report, error) {
	f := s.flags
	parsed, errs := config.Parse(lint.NewSource(f.files().Display(filepath.Join(s.root, config.Name)), text), rules.All())
	if len(errs) > 0 {
		return nil, errs[0]
	}
	g := &group{config: parsed, dir: s.root, paths: []string{s.path}}
	var err error
	if g.enabled, err = parsed.Select(rules.All(), "", nil, nil, nil); err != nil {
		return nil, err
	}
	s.checked = nil
	_, rep := s.check(f, []*group{g}, g.paths)
	return rep, nil
}

// skipped are the names of directories that hold manifests nobody deploys.
var skipped = []string{"node_modules", "testdata", "third_party"}

// look finds what the configuration has to say: it lints the tree as it is, then with the
// variants that it sees, of which it keeps those that render.
func (s *setup) look() (*settings, error) {
	t := s.flags.files()
	found := &settings{}
	rep, err := s.lint(nil)
	if err != nil {
		return nil, err
	}
	for _, name := range skipped {
		if s.holds(rep, name) {
			found.exclude = append(found.exclude, "**/"+name)
		}
	}
	charts := map[string]bool{}
	for _, r := range s.rendered() {
		if r.Rendering.Kind == "helm" && t.IsDir(r.Rendering.Root) {
			charts[r.Rendering.Root] = true
		}
	}
	for _, chart := range slices.Sorted(keysOf(charts)) {
		entries, err := t.ReadDir(chart)
		if err != nil {
			continue // an error of the report
		}
		for _, entry := range entries {
			if name := entry.Name(); variantName.MatchString(name) && !entry.IsDir() {
				found.variants = append(found.variants, config.Variant{Chart: s.relative(chart), Values: []string{s.relative(filepath.Join(chart, name))}})
			}
		}
	}
	for _, e := range rep.Errors {
		switch {
		case len(e.Lacks) > 0:
			found.lacks(s.nameOf(e.Lacks))
		case strings.Contains(e.Message, "this looks like a template outside a chart"):
			found.exclude = append(found.exclude, globOf(s.relative(e.Span.Path())))
		}
	}
	found.exclude = unique(found.exclude)
	for {
		if rep, err = s.lint(found.text()); err != nil {
			return nil, err
		}
		kept := slices.DeleteFunc(slices.Clone(found.variants), func(v config.Variant) bool {
			return slices.ContainsFunc(rep.Errors, func(e *lint.InputError) bool {
				return e.Rendering != nil && e.Rendering.Variant != "" && s.relative(e.Rendering.Root) == v.Chart && strings.Contains(e.Rendering.Variant, path.Base(v.Values[0]))
			})
		})
		if len(kept) == len(found.variants) {
			break
		}
		found.variants = kept
	}
	found.left = rep.Errors
	return found, nil
}

var variantName = regexp.MustCompile(`^(values[-_.][\w.-]+|[\w-]+[-.]values)\.ya?ml$`)

func keysOf(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// holds reports whether an object or an error of a report is below a directory of a name.
func (s *setup) holds(rep *lint.Report, name string) bool {
	below := func(path string) bool { return slices.Contains(strings.Split(s.relative(path), "/"), name) }
	return slices.ContainsFunc(rep.ObjectFiles, func(o lint.ObjectFile) bool { return below(o.File) }) ||
		slices.ContainsFunc(rep.Errors, func(e *lint.InputError) bool { return below(e.Span.Path()) })
}

// relative returns a path as the configuration has it.
func (s *setup) relative(shown string) string { return s.flags.name(shown) }

// nameOf chooses, of the names of what is not there, the one that an entry is written with.
func (s *setup) nameOf(names []string) string {
	name := names[0]
	if strings.Contains(name, "://") || strings.Contains(name, "@") || strings.Contains(name, "?") {
		name, _, _ = strings.Cut(name, "?")
		return globOf(name)
	}
	if len(names) > 1 && path.Dir(name) != "." { // a path as reports print it
		name = s.relative(name)
	}
	return globOf(name)
}

// globOf returns the glob that stands for a text alone.
func globOf(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`*?[]{},\`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (found *settings) lacks(what string) {
	if !slices.ContainsFunc(found.unavailable, func(u config.Unavailable) bool { return u.What == what }) {
		found.unavailable = append(found.unavailable, config.Unavailable{What: what, Reason: "it was not in the repository when manilint was set up; vendor it, or say where it is linted"})
	}
}

// text returns the configuration.
func (found *settings) text() []byte {
	var b strings.Builder
	b.WriteString("# yaml-language-server: $schema=https://raw.githubusercontent.com/manilint/manilint/main/docs/schema/config.schema.json\n" +
		"# Settings that are not written here have their defaults: https://github.com/manilint/manilint/blob/main/docs/getting-started.md\n")
	if found.baseline != "" {
		fmt.Fprintf(&b, "\n# What was found when manilint was set up: only what is new is reported.\n# manilint --write-baseline %s drops what is fixed.\nbaseline: %s\n", found.baseline, found.baseline)
	}
	if len(found.exclude) > 0 {
		b.WriteString("\n# Not deployed from here.\nexclude:\n")
		for _, glob := range found.exclude {
			fmt.Fprintf(&b, "  - %s\n", quoted(glob))
		}
	}
	if len(found.unavailable) > 0 {
		b.WriteString("\n# What the inputs refer to and the repository does not hold: notes instead of errors.\nunavailable:\n")
		for _, u := range found.unavailable {
			fmt.Fprintf(&b, "  - what: %s\n    reason: %s\n", quoted(u.What), u.Reason)
		}
	}
	if len(found.variants) > 0 {
		b.WriteString("\n# Charts are rendered with their own values, and with each of these sets as well.\nhelm:\n  variants:\n")
		for _, v := range found.variants {
			fmt.Fprintf(&b, "    - chart: %s\n      values: [%s]\n", quoted(v.Chart), quoted(v.Values[0]))
		}
	}
	return []byte(b.String())
}

// quoted writes a text as a YAML scalar in single quotes.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// summary says what the configuration holds.
func (found *settings) summary() string {
	var parts []string
	add := func(n int, one, many string) {
		if n > 0 {
			parts = append(parts, count(n, one, many))
		}
	}
	add(len(found.variants), "variant of a chart", "variants of charts")
	add(len(found.exclude), "path excluded", "paths excluded")
	add(len(found.unavailable), "item that is not available here", "items that are not available here")
	if found.baseline != "" {
		parts = append(parts, "the baseline "+found.baseline)
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing differs from the defaults")
}

// writeKnown writes the baseline: what is found with the configuration.
func (s *setup) writeKnown(text []byte) error {
	file := filepath.Join(s.root, baselineName)
	if _, err := os.Lstat(file); err == nil {
		s.tell("kept", baselineName, "it is there")
		return nil
	}
	rep, err := s.lint(text)
	if err != nil {
		return err
	}
	known := baseline.Of(rep)
	if err := s.files.write(file, func(w io.Writer) error { return known.Write(w) }); err != nil {
		return fmt.Errorf("%s cannot be written: %w", baselineName, reason(err))
	}
	s.tell("wrote", baselineName, count(len(known.Entries), "finding is known", "findings are known")+", and reported no more")
	return nil
}

// release is what that hooks and pipelines install.
func release() string {
	if v := version(); regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(v) {
		return v
	}
	return "v0.1.0"
}

func preCommit() string {
	return "repos:\n  - repo: https://github.com/manilint/manilint\n    rev: " + release() + "\n    hooks:\n      - id: manilint\n"
}

// hosts are the build services of code hosts, by what the address of a remote holds. In pull
// requests each reports what is new against the branch that the request goes to, which takes
// the whole history; elsewhere all.
var hosts = []struct {
	name  *regexp.Regexp
	file  string
	lines string
}{
	{regexp.MustCompile(`(^|\.)github\.`), ".github/workflows/manilint.yml", `name: manilint
on:
  pull_request:
  push:
    branches: [main, master]
permissions:
  contents: read
jobs:
  manilint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
      - uses: manilint/manilint@v0
        with:
          build: "true" # or version: and sha256: of a release
          since: ${{ github.base_ref && format('origin/{0}', github.base_ref) }}
`},
	{regexp.MustCompile(`gitlab`), ".gitlab-ci.yml", `manilint:
  image: golang:1.26
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  variables:
    GIT_DEPTH: 0
  script:
    - go install github.com/manilint/manilint@latest
    - manilint ${CI_MERGE_REQUEST_DIFF_BASE_SHA:+--since "$CI_MERGE_REQUEST_DIFF_BASE_SHA"} --format text --format gitlab=gl-code-quality-report.json
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json
`},
	{regexp.MustCompile(`bitbucket`), "bitbucket-pipelines.yml", `image: golang:1.26
clone:
  depth: full
pipelines:
  branches:
    '{main,master}':
      - step:
          name: manilint
          script:
            - go install github.com/manilint/manilint@latest
            - manilint
  pull-requests:
    '**':
      - step:
          name: manilint
          script:
            - go install github.com/manilint/manilint@latest
            - git fetch origin "+refs/heads/$BITBUCKET_PR_DESTINATION_BRANCH:refs/remotes/origin/$BITBUCKET_PR_DESTINATION_BRANCH"
            - manilint --since "origin/$BITBUCKET_PR_DESTINATION_BRANCH"
`},
	{regexp.MustCompile(`(dev\.azure\.com|visualstudio\.com)$`), "azure-pipelines.yml", `pool:
  vmImage: ubuntu-latest
steps:
  - checkout: self
    fetchDepth: 0
  - task: GoTool@0
    inputs:
      version: '1.26'
  - script: |
      go install github.com/manilint/manilint@latest
      target=${SYSTEM_PULLREQUEST_TARGETBRANCH#refs/heads/}
      "$(go env GOPATH)/bin/manilint" ${target:+--since "origin/$target"}
    displayName: manilint
`},
}

// pinned names a release in a file of a build service: what moves by itself is not what was
// tried.
func pinned(lines, release string) string {
	return strings.NewReplacer("manilint/manilint@v0", "manilint/manilint@"+release, "manilint/manilint@latest", "manilint/manilint@"+release).Replace(lines)
}

// pipeline writes the file of the build service that the remote belongs to.
func (s *setup) pipeline() error {
	host := s.host()
	for _, h := range hosts {
		if h.name.MatchString(host) {
			return s.create(h.file, []byte(pinned(h.lines, release())), "manilint runs in the builds of "+host+", and reports what is new in a pull request")
		}
	}
	switch host {
	case "":
		fmt.Fprintln(s.out, "no CI file: .git/config names no remote; docs/ci.md shows what to write")
	default:
		fmt.Fprintf(s.out, "no CI file: %s is not a known host; docs/ci.md shows what to write\n", host)
	}
	return nil
}

var (
	section   = regexp.MustCompile(`^\s*\[\s*([\w.-]+)(?:\s+"([^"]*)")?\s*\]`)
	remoteURL = regexp.MustCompile(`^\s*url\s*=\s*"?([^"#;\s]+)"?`)
	scpLike   = regexp.MustCompile(`^(?:[^@/]+@)?([^:/]+):`)
)

// host returns the host of the remote origin, or of the first that there is; "" for none.
func (s *setup) host() string {
	t := s.flags.files()
	dir := filepath.Join(s.root, ".git")
	follow := func(file, prefix string) { // of a worktree, and of a submodule
		if text, err := t.ReadFile(file); err == nil {
			if to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), prefix); ok {
				if to = filepath.FromSlash(to); !filepath.IsAbs(to) {
					to = filepath.Join(filepath.Dir(file), to)
				}
				dir = to
			}
		}
	}
	if !t.IsDir(dir) {
		follow(dir, "gitdir: ")
	}
	follow(filepath.Join(dir, "commondir"), "")
	text, err := t.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return ""
	}
	first, remote := "", ""
	for line := range strings.Lines(string(text)) {
		if m := section.FindStringSubmatch(line); m != nil {
			remote = ""
			if m[1] == "remote" {
				remote = m[2]
			}
			continue
		}
		m := remoteURL.FindStringSubmatch(line)
		if m == nil || remote == "" {
			continue
		}
		host := ""
		if u, err := url.Parse(m[1]); err == nil && u.Host != "" {
			host = u.Hostname()
		} else if scp := scpLike.FindStringSubmatch(m[1]); scp != nil {
			host = scp[1]
		}
		if remote == "origin" {
			return strings.ToLower(host)
		}
		first = cmp.Or(first, strings.ToLower(host))
	}
	return first
}
