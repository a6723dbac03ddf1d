package helm

import (
	"context"
	"path/filepath"
	"testing"

	filetree "github.com/manilint/manilint/render/tree"
)

const corpus = "../../../shared/corpus"

// corpusCharts returns the charts of the corpus that render, or skips.
func corpusCharts(t testing.TB) []string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(corpus, "helm", "*", "Chart.yaml"))
	if len(found) == 0 {
		t.Skip("no corpus beside the checkout: the oracles over real charts do not run")
	}
	var charts []string
	for _, f := range found {
		charts = append(charts, filepath.Dir(f))
	}
	return charts
}

func TestCorpusChartsRender(t *testing.T) {
	for _, dir := range corpusCharts(t) {
		bundles := Load(context.Background(), dir, Options{Files: filetree.New(nil)})
		objects := 0
		for _, b := range bundles {
			objects += len(b.Resources)
		}
		if objects == 0 {
			t.Errorf("%s: no object; errors: %v", dir, bundles[0].Errors)
		}
	}
}
