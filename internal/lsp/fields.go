package lsp

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"sync"
)

// fieldsText maps fields to the rules that judge them, as the findings of the fixtures show.
//
//go:embed fields.json
var fieldsText []byte

var fields = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	if err := json.Unmarshal(fieldsText, &all); err != nil {
		panic(err) // it is made and tested with the program
	}
	return all
})

var (
	item       = regexp.MustCompile(`\[[^\]]*\]`)
	podPrefix  = regexp.MustCompile(`^spec\.(?:jobTemplate\.spec\.)?template\.(spec|metadata)\.`)
	containers = regexp.MustCompile(`\b(?:init|ephemeral)[cC]ontainers\[\]`)
)

// Field names a field of a kind of object the same wherever it is: list items have no name, a
// pod is a pod in every workload, and all kinds of containers are containers. path is as
// [lint.Node.Path] and [lint.Node.GenericPath] write it.
func Field(kind, path string) string {
	path = item.ReplaceAllString(path, "[]")
	if podPrefix.MatchString(path) {
		kind, path = "Pod", podPrefix.ReplaceAllString(path, "$1.")
	}
	return kind + " " + containers.ReplaceAllString(path, "containers[]")
}

// rulesOf returns the ids of the rules that judge a field.
func rulesOf(kind, path string) []string { return fields()[Field(kind, path)] }
