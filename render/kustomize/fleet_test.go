package kustomize

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	filetree "github.com/manilint/manilint/render/tree"
)

// fleet writes n overlays of one base of some size, as the distributions of large
// platforms are made: the base has a directory a component, each overlay a prefix,
// labels, images, patches of both kinds and a generated ConfigMap.
func fleet(t testing.TB, n, components int) (root string, dirs []string) {
	t.Helper()
	files := map[string]string{}
	var all strings.Builder
	for c := range components {
		dir := fmt.Sprintf("base/c%d/", c)
		fmt.Fprintf(&all, "- c%d\n", c)
		files[dir+"kustomization.yaml"] = "resources: [deployment.yaml, service.yaml, rbac.yaml, crd.yaml]\ncommonLabels: {app: c" + fmt.Sprint(c) + "}\nconfigMapGenerator: [{name: settings-" + fmt.Sprint(c) + ", literals: [a=b]}]\n"
		files[dir+"deployment.yaml"] = strings.ReplaceAll(web, "web", fmt.Sprintf("c%d", c)) + "          ports: [{containerPort: 80}]\n          envFrom: [{configMapRef: {name: settings-" + fmt.Sprint(c) + "}}]\n"
		files[dir+"service.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata:\n  name: c%d\nspec:\n  ports: [{port: 80}]\n", c)
		files[dir+"rbac.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: c%d}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: c%d}\nrules:\n- {apiGroups: [''], resources: [pods], verbs: [get]}\n", c, c)
		crd := fmt.Sprintf("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things%d.example.com\nspec:\n  group: example.com\n  names: {kind: Thing%d, plural: things%d}\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n", c, c, c)
		for f := range 150 {
			crd += fmt.Sprintf("          field%d:\n            description: what the field of that number is about, at some length\n            type: string\n", f)
		}
		files[dir+"crd.yaml"] = crd
	}
	files["base/kustomization.yaml"] = "resources:\n" + all.String()
	for o := range n {
		dir := fmt.Sprintf("overlays/o%d", o)
		files[dir+"/kustomization.yaml"] = "resources: [../../base]\nnamespace: shop\nnamePrefix: o" + fmt.Sprint(o) + "-\nimages: [{name: c0, newTag: '2'}]\nreplicas: [{name: c1, count: 2}]\npatches:\n- {path: p.yaml}\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/paused\", \"value\": false}]'\n"
		files[dir+"/p.yaml"] = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c2}\nspec: {replicas: 3}\n"
	}
	root = write(t, files)
	for o := range n {
		dirs = append(dirs, filepath.Join(root, "overlays", fmt.Sprintf("o%d", o)))
	}
	return root, dirs
}

// peak returns the largest heap while f runs, over what there was.
func peak(f func()) int64 {
	runtime.GC()
	debug.FreeOSMemory()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan bool)
	most := uint64(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			}
		}
	})
	f()
	close(done)
	watching.Wait()
	return int64(most) - int64(before.HeapInuse)
}

// BenchmarkFleet reports the peak of the heap and the time of building overlays one by
// one, each let go, over those of krusty alone.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, dirs := fleet(b, n, 8)
			root := filepath.Dir(filepath.Dir(dirs[0]))
			for b.Loop() {
				start := time.Now()
				base := peak(func() {
					for _, dir := range dirs {
						o := krusty.MakeDefaultOptions()
						o.LoadRestrictions = types.LoadRestrictionsNone
						if _, err := krusty.MakeKustomizer(o).Run(filesys.MakeFsOnDisk(), dir); err != nil {
							b.Fatal(err)
						}
					}
				})
				plain := time.Since(start)
				start = time.Now()
				tr := newTree(filetree.New(nil).In(root))
				ours := peak(func() {
					for _, dir := range dirs {
						out := load(b.Context(), tr, tr.at(dir), Options{Files: tr.files})
						if out.failed || len(out.bundle.Errors) > 0 {
							b.Fatal(out.bundle.Errors)
						}
					}
				})
				b.ReportMetric(float64(base)/(1<<20), "krusty-MiB")
				b.ReportMetric(float64(ours)/(1<<20), "MiB")
				b.ReportMetric(float64(ours)/float64(base), "memory-ratio")
				b.ReportMetric(float64(time.Since(start))/float64(plain), "time-ratio")
			}
		})
	}
}
