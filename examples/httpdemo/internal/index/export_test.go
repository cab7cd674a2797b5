package index

import (
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

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
	advanced, err := x.bleve.Advanced()
	if err != nil {
		return 0, err
	}
	return segments(advanced.(*scorch.Scorch))
}
