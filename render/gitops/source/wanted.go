package source

import (
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/kustomize"
)

// Wanted is what objects want to have rendered.
type Wanted struct {
	Charts      []*Chart
	Overlays    []*Overlay
	Directories []*Directory
	Errors      []*lint.InputError // of what cannot be read
	Notes       []lint.Note        // on what is not to be had, or not applied
}

// A Chart is a chart with the values of an object.
type Chart struct {
	*helm.Deployment
	From   []string // absolute: files that hold parameters of the object
	Limits Limits
}

// An Overlay is a kustomization as an object has it built.
type Overlay struct {
	Dir    string // absolute
	File   string // absolute: where the object is written; "" where that is not known
	Change *kustomize.Change
	From   []string // absolute: files that hold parameters of the object
	Limits Limits
}

// A Directory is plain manifests that an object applies as they lie.
type Directory struct {
	By        string // the object, as reports name it
	Dir       string // absolute
	Namespace string // of objects that have none; "" where only the deploy decides
	// Holds reports of an absolute path whether its manifests are applied.
	Holds  func(path string) bool
	Limits Limits
}

// Limits say what the controller refuses of the objects of a rendering; nil refuses nothing.
type Limits func([]*lint.Resource) []lint.Note

// Add adds what others want.
func (w *Wanted) Add(more *Wanted) {
	if more == nil {
		return
	}
	w.Charts = append(w.Charts, more.Charts...)
	w.Overlays = append(w.Overlays, more.Overlays...)
	w.Directories = append(w.Directories, more.Directories...)
	w.Errors = append(w.Errors, more.Errors...)
	w.Notes = append(w.Notes, more.Notes...)
}
