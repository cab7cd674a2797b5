// Package nearest finds the word that a misspelt one was meant to be.
package nearest

import "strings"

// maxLength is the longest word that is looked up: longer is junk, and the
// cost grows with the product of the lengths.
const maxLength = 64

// To returns the candidate that s was most likely meant to be: at most a third
// of it mistyped, whatever its case and whether it separates by underscores,
// hyphens, dots or spaces. Of equally near ones the first wins; "" if none is
// near.
func To(s string, candidates []string) string {
	s = canonical(s)
	if s == "" || len(s) > maxLength {
		return ""
	}
	best, least := "", max(len(s)/3+1, 2)
	for _, c := range candidates {
		if d := slips(s, canonical(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

var separators = strings.NewReplacer("-", "_", ".", "_", " ", "_")

func canonical(s string) string { return separators.Replace(strings.ToLower(s)) }

// slips counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (the optimal string alignment distance).
func slips(a, b string) int {
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
