package recorded

import "strings"

// nearest returns the candidate that name is most likely a slip of the
// keyboard for, or "". Case, and hyphens or dots in place of underscores, do
// not count as a slip.
func nearest(name string, candidates []string) string {
	name = canonical(name)
	if name == "" || len(name) > maxQuoted {
		return ""
	}
	best, least := "", len(name)/3+1 // one slip in three letters is another word
	for _, c := range candidates {
		if d := slips(name, canonical(c)); d < least {
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
