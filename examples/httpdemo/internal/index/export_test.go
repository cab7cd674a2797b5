package index

import "github.com/blevesearch/bleve/v2/index/scorch"

// Segments returns how many segments a search of x asks.
func Segments(x *Index) (int, error) {
	advanced, err := x.bleve.Advanced()
	if err != nil {
		return 0, err
	}
	return segments(advanced.(*scorch.Scorch))
}
