package lint

import (
	"fmt"
	"strconv"
	"strings"
)

// Quote returns a text in quotes as its author wrote it: backslashes, as in the paths of
// Windows, are not doubled. Control characters are escaped, so that it stays on one line.
func Quote(text string) string {
	return strings.ReplaceAll(strconv.Quote(text), `\\`, `\`)
}

// Suggest returns `; did you mean "word"?` for the known word nearest to word,
// else the list of the known words.
func Suggest(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) > 12 {
		return ""
	}
	return "; known are " + strings.Join(known, ", ")
}

// Nearest returns the word of known that is most like word: at most a third of
// its letters differ, upper and lower case being alike. "" where none is near.
func Nearest(word string, known []string) string {
	if len(word) > longestWord {
		return ""
	}
	best, least := "", max(2, len(word)/3)+1
	word = strings.ToLower(word)
	for _, k := range known {
		if len(k)-len(word) >= least || len(word)-len(k) >= least {
			continue
		}
		if d := distance(word, strings.ToLower(k), least); d < least {
			best, least = k, d
		}
	}
	return best
}

// longestWord is the length in bytes of the longest word that is taken for a misspelt one.
const longestWord = 100

// distance is the Levenshtein distance, or limit where it is no less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least >= limit { // it only grows
			return limit
		}
	}
	return min(row[len(b)], limit)
}
