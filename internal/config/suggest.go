package config

import "strings"

// nearest returns the candidate that s was most likely meant to be, or "" if
// none is close: at most a third of it mistyped. Of equally close ones the
// first wins.
func nearest(s string, candidates []string) string {
	const longest = 64 // longer is junk, and distance is quadratic
	if len(s) > longest {
		return ""
	}
	best, bestDistance := "", len(s)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(c)); d < bestDistance || d == bestDistance && best == "" && d <= 1 {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters inserted, deleted, replaced or swapped with
// their neighbour that make b of a.
func distance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
