package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

const sum = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestAFileOfDigests(t *testing.T) {
	text := "\ufeff# of the last release\r\n\r\nregistry.example:5000/web:1.4 " + sum + " # web\r\nnginx@" + sum + "\n\tapi:latest\t" + sum + "  \nnginx " + sum
	got, errs := ParseDigests(lint.NewSource("digests.txt", []byte(text)))
	want := []string{"registry.example:5000/web:1.4@" + sum, "nginx@" + sum, "api:latest@" + sum, "nginx@" + sum}
	if len(errs) > 0 || !slices.Equal(got, want) {
		t.Errorf("%v\n%q\nwant\n%q", errs, got, want)
	}
}

func TestMistakesInAFileOfDigestsHaveTheirLine(t *testing.T) {
	text := "web:1 " + sum + "\nweb\nweb:1 sha256:01\nWeb " + sum + "\nweb:1 " + strings.Replace(sum, "0", "1", 1) + "\nweb:2 md5:" + sum[7:39] + "\n" + sum + "\n"
	got, errs := ParseDigests(lint.NewSource("digests.txt", []byte(text)))
	var said []string
	for _, e := range errs {
		said = append(said, e.Error())
	}
	want := []string{
		`digests.txt:2:1: an image and its digest are expected`,
		`digests.txt:3:1: "sha256:01" is not a digest`,
		`digests.txt:4:1: "Web" is not the name of an image: `,
		`digests.txt:5:1: "web:1" has another digest on line 1`,
		`digests.txt:6:1: "md5:0123`,
		`digests.txt:7:1: an image and its digest are expected`,
	}
	if len(got) != 1 || !slices.EqualFunc(said, want, strings.HasPrefix) {
		t.Errorf("%q\n%s\nwant\n%s", got, strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

func TestDigestsAreForTheRulesThatHaveThem(t *testing.T) {
	rules := []*lint.Rule{{ID: "pinned", Params: []lint.Param{{Name: "digests", Default: []string{}}}}, {ID: "other"}}
	c, errs := Parse(lint.NewSource(Name, []byte("digests: ['web:1@"+sum+"']\nrules: {pinned: {parameters: {digests: ['web:2@"+sum+"']}}}\n")), rules)
	if len(errs) > 0 || !slices.Equal(c.Rules["pinned"].Params["digests"].([]string), []string{"web:2@" + sum, "web:1@" + sum}) || c.Rules["other"].Params != nil {
		t.Errorf("%v %v", errs, c.Rules)
	}
	if _, errs := Parse(lint.NewSource(Name, []byte("digests: [web]\n")), rules); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), Name+":1:11: digests: an image and") {
		t.Errorf("%v", errs)
	}
	if _, errs := Parse(lint.NewSource(Name, []byte("digests: {web: 1}\n")), rules); len(errs) != 1 || !strings.Contains(errs[0].Error(), "a file, or a list") {
		t.Errorf("%v", errs)
	}
}
