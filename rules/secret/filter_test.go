package secret

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// sample writes a text that an expression matches.
func sample(re *syntax.Regexp, rng *rand.Rand, to *strings.Builder) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && rng.IntN(2) == 0 {
				r = unicode.SimpleFold(r)
			}
			to.WriteRune(r)
		}
	case syntax.OpCharClass:
		at := 2 * rng.IntN(len(re.Rune)/2)
		lo, hi := re.Rune[at], re.Rune[at+1]
		to.WriteRune(lo + rune(rng.IntN(int(min(hi, lo+80)-lo)+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		to.WriteRune(rune(' ' + rng.IntN(90)))
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			sample(sub, rng, to)
		}
	case syntax.OpAlternate:
		sample(re.Sub[rng.IntN(len(re.Sub))], rng, to)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least, most := re.Min, re.Max
		switch re.Op {
		case syntax.OpStar:
			least, most = 0, -1
		case syntax.OpPlus:
			least, most = 1, -1
		case syntax.OpQuest:
			least, most = 0, 1
		}
		if most < 0 {
			most = least + 3
		}
		for range least + rng.IntN(most-least+1) {
			sample(re.Sub[0], rng, to)
		}
	}
}

// The cheap looks before the expressions must let through whatever those match.
func TestCheapLooksPassOverNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		expr string
		full func(string) bool
		look func(string) bool
	}{
		{"injected", injected().String(), injected().MatchString, isInjected},
		{"placeholder", placeholder().String(), placeholder().MatchString, mayBePlaceholder},
	} {
		re, err := syntax.Parse(c.expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		matched := 0
		for range 20000 {
			var b strings.Builder
			sample(re, rng, &b)
			v := strings.TrimSpace(b.String())
			if v == "" || !c.full(v) {
				continue
			}
			matched++
			if !c.look(v) {
				t.Errorf("%s: %q is passed over", c.name, v)
			}
		}
		if matched < 10000 {
			t.Errorf("%s: %d texts matched: the test says little", c.name, matched)
		}
	}
}

func TestAssignedIsWhatItsExpressionMatches(t *testing.T) {
	expr := regexp.MustCompile(`^\s*(?:export\s+|set\s+)?["']?([A-Za-z_][\w.\-]*)["']?\s*(?:=|:|\s)\s*(.*?)\s*[,;]?\s*$`)
	parts := []string{"export", "set", " ", "  ", "\t", `"`, "'", "=", ":", ",", ";", "a", "B_1", "x.y-z", "é", "1", "\xff", "\r", "=>", ""}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50000 {
		var b strings.Builder
		for range rng.IntN(9) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		line := strings.TrimSpace(b.String())
		name, value, _, ok := assigned(line)
		m := expr.FindStringSubmatch(line)
		if ok != (m != nil) || ok && (name != m[1] || value != m[2]) {
			t.Fatalf("%q: %q, %q, %v, want %q", line, name, value, ok, m)
		}
	}
}

func TestConnectionWordsAreFoundWithoutTheExpression(t *testing.T) {
	parts := []string{"password", "Pwd", "pd", "d", "key", "Key", "KEY", "kEy", "signature", "Signature", "SIGNATURE", "e", "y", "=", " ", " =", "  =", "é", "D=", "x"}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50000 {
		var b strings.Builder
		for range rng.IntN(7) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		if got, want := hasConnectionWord(b.String()), connectionWord().MatchString(b.String()); got != want {
			t.Fatalf("%q: %v, want %v", b.String(), got, want)
		}
	}
}

func TestWhatIsYAMLHasItsMarks(t *testing.T) {
	parts := []string{"a", "b c", ":", ": ", "- ", "-", "? ", "{", "}", "[x]", "\n", "  ", `"k"`, "#", "&a ", "!!map ", "|\n", "---\n", "%YAML 1.2\n", "é", "\u2028", "\u0085"}
	rng := rand.New(rand.NewPCG(7, 8))
	read := 0
	for range 50000 {
		var b strings.Builder
		for range rng.IntN(8) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		text := b.String()
		var doc yaml.Node
		if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
			continue
		}
		if k := doc.Content[0].Kind; k == yaml.MappingNode || k == yaml.SequenceNode {
			read++
			if !mayBeYAML(text) {
				t.Fatalf("%q is passed over", text)
			}
		}
	}
	if read < 1000 {
		t.Errorf("%d texts were read: the test says little", read)
	}
}

func TestTrailingCommentsAreFoundWithoutAnExpression(t *testing.T) {
	expr := regexp.MustCompile(`\s[;#]`)
	for _, text := range []string{"", "#", " #", "a #b", "a#b # c", "a\t;", "a ; b", "a\v#", "\n#", "é;", "é ;"} {
		want := -1
		if at := expr.FindStringIndex(text); at != nil {
			want = at[0]
		}
		if got := trailingComment(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestDecodeTextIsBase64OfText(t *testing.T) {
	for text, want := range map[string]string{
		"cGFzc3dvcmQ9eA==": "password=x", "cGFz c3dv\ncmQ9 eA==": "password=x", "cGFzc3dv\u00a0cmQ9eA==": "password=x",
		"cGFzc3dvcmQ9eA=": "", "cGFz": "", "a value of words": "", "cGFzc3dvcmQ9eA==!": "", "AAAAAAAAAAAAAAAA": "",
	} {
		if got, ok := decodeText(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func TestNamesAreCutAlikeByBytesAndByRunes(t *testing.T) {
	parts := []string{"a", "B", "KEY", "KEYs", "Ds", "1", "23", ".", "_", "-", "pass", "Word", "\x00"}
	rng := rand.New(rand.NewPCG(11, 12))
	for range 50000 {
		var b strings.Builder
		for range rng.IntN(8) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		if got, want := splitName(b.String()), appendRunes(nil, b.String()); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", b.String(), got, want)
		}
	}
}

func TestNumbersOfPeopleAreNotPassedOver(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for name, expr := range map[string]*regexp.Regexp{"account": iban(), "card": cardNumber()} {
		re, err := syntax.Parse(expr.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for range 5000 {
			var b strings.Builder
			sample(re, rng, &b)
			account, card := mayHoldNumbers("a " + b.String() + " b")
			if expr.MatchString(b.String()) && (name == "account" && !account || name == "card" && !card) {
				t.Fatalf("%s: %q is passed over", name, b.String())
			}
		}
	}
}

// What is passed over in the lines of a file is what a search of its field does not find.
func TestIdleFieldsHoldNothing(t *testing.T) {
	names := []string{"a", "key.1", "password", "DB_PASSWORD", "token", "api-key", "public_key", "x.secret"}
	parts := []string{"hunter2", " ", "Basic ", "bearer ", "token ", "YWRtaW46czNjcjN0LWh1bnRlcg==", "Zk8sQ2vTqLw91xRbNfYd", "-", "{", "true", "x", "\t", "cGFzc3dvcmQ9eA==", "é", "1"}
	rng := rand.New(rand.NewPCG(15, 16))
	idle := 0
	for range 50000 {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		name, value := names[rng.IntN(len(names))], trimBlanks(b.String())
		if !isIdle(name, value) {
			continue
		}
		idle++
		f := file{fields: []fieldValue{{name, value, 1}}}
		if found := f.search("app.conf", name+"="+value+"\n#\n", 0); len(found) > 0 {
			t.Fatalf("%s=%s is passed over", name, value)
		}
	}
	if idle < 5000 {
		t.Errorf("%d fields are idle: the test says little", idle)
	}
}
