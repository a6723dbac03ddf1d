package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/tree"
)

// Check reports what nothing can be rendered with, whatever the inputs. The error
// names the command's flag.
func (o Options) Check() error {
	if o.Namespace != "" && len(validation.IsDNS1123Label(o.Namespace)) > 0 {
		return fmt.Errorf("--namespace: %q is not a namespace name: use lower-case letters, digits and hyphens", o.Namespace)
	}
	return helm.Options{
		Files: o.tree(), ReleaseName: o.ReleaseName, KubeVersion: o.KubeVersion,
		ValueFiles: o.ValueFiles, Set: o.Set, SetString: o.SetString, SetFile: o.SetFile,
	}.Check()
}

// CheckConfig returns what a configuration names and is not there, or is not to be read:
// charts and values files of variants, relative to dir, and a version. What it names and may
// be read is let in for all of t.
func CheckConfig(t *tree.Tree, c *config.Config, dir string) []*lint.InputError {
	bounds := jail(t, dir)
	in := t.In(bounds)
	charts := sync.OnceValue(func() []string { return chartsBelow(in, dir) }) // one walk for all that is misspelt
	values := sync.OnceValue(func() []string { return valuesBelow(in, dir) })
	var errs []*lint.InputError
	fail := func(at lint.Span, format string, args ...any) {
		errs = append(errs, &lint.InputError{Span: at, Message: fmt.Sprintf(format, args...)})
	}
	if (helm.Options{KubeVersion: c.KubeVersion}).Check() != nil {
		fail(c.KubeVersionSpan, "kubeVersion: %q is not a version; write it as 1.33", c.KubeVersion)
	} else if err := kube.CheckVersion(c.KubeVersion); err != nil {
		fail(c.KubeVersionSpan, "kubeVersion: %v", err)
	}
	for _, v := range c.Variants {
		if v.Chart != "" {
			at := filepath.Join(dir, filepath.FromSlash(v.Chart))
			outer := chartOf(in, filepath.Join(at, "x"), bounds)
			_, err := in.Stat(at)
			switch {
			case errors.Is(err, tree.ErrOutside):
				fail(v.ChartSpan, "chart: %q is outside %s and is not read; copy it into the tree", v.Chart, inside(t, bounds))
			case strings.HasSuffix(at, ".tgz") && in.IsFile(at):
			case !isChart(in, at):
				fail(v.ChartSpan, "chart: there is no chart in %q%s", v.Chart, suggest(v.Chart, charts()))
			case outer != at && outer != "":
				rel, err := filepath.Rel(dir, outer)
				if err != nil {
					rel = outer
				}
				fail(v.ChartSpan, "chart: %q is a subchart and is rendered with its parent; name %s", v.Chart, filepath.ToSlash(rel))
			}
		}
		for i, file := range v.Values {
			at := filepath.Join(dir, filepath.FromSlash(file))
			info, err := in.Stat(at)
			switch {
			case err == nil && info.IsDir():
				fail(v.ValueSpans[i], "values: %q is a directory; name the file", file)
			case errors.Is(err, tree.ErrOutside):
				fail(v.ValueSpans[i], "values: %q is outside %s and is not read; copy it into the tree, or pass --values", file, inside(t, bounds))
			case errors.Is(err, fs.ErrNotExist):
				fail(v.ValueSpans[i], "values: there is no file %q%s", file, suggest(file, values()))
			case err == nil && !info.Mode().IsRegular():
				fail(v.ValueSpans[i], "values: %q is %s; name a regular file", file, tree.Kind(info.Mode()))
			case err != nil:
				fail(v.ValueSpans[i], "values: %q cannot be read: %v", file, reason(err))
			default:
				t.Name(at) // the chart may lie in another checkout
			}
		}
	}
	return errs
}

// inside names a jail for messages.
func inside(t *tree.Tree, jail string) string {
	if shown := t.Display(jail); shown != "." {
		return shown
	}
	return "the current directory"
}

// suggest names the path that is most like one that is not there.
func suggest(path string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return lint.Suggest(path, known)
}

// chartsBelow returns the charts below a directory, relative to it.
func chartsBelow(t *tree.Tree, dir string) []string {
	return below(t, dir, func(u *units) []string { return dirsOf(u.charts) })
}

// valuesBelow returns the values files below a directory, relative to it.
func valuesBelow(t *tree.Tree, dir string) []string {
	return below(t, dir, func(u *units) []string {
		return slices.DeleteFunc(u.plain, func(path string) bool { return !isValuesName(path) })
	})
}

func below(t *tree.Tree, dir string, of func(*units) []string) []string {
	u := &units{}
	w := &walker{units: u, tree: t.In(dir).Record(), root: dir, jail: dir, limit: outsideCheckout, excluded: func(string) bool { return false }}
	w.start(dir)
	var names []string
	for _, path := range of(u) {
		if rel, err := filepath.Rel(dir, path); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	slices.Sort(names)
	return names
}
