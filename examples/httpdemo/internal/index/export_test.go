package index

import "time"

func init() { merging = time.Minute }

// SetMerging sets how long AddAll waits for a merge, until the function that it returns
// is called.
func SetMerging(d time.Duration) (reset func()) {
	before := merging
	merging = d
	return func() { merging = before }
}

// Segments returns how many segments a search of x asks.
func Segments(x *Index) (int, error) {
	s, err := x.scorch()
	if err != nil {
		return 0, err
	}
	return segments(s)
}
