package main

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// drawGrowth writes the growth as a picture.
func drawGrowth(path string, all []growth) error {
	p := plot.New()
	p.Title.Text = "What grows with the number of series"
	p.X.Label.Text = "series"
	p.Y.Label.Text = "nanoseconds"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, l := range []struct {
		name string
		of   func(growth) float64
	}{
		{"collection, hot road", func(g growth) float64 { return g.hotCollect }},
		{"collection, SDK", func(g growth) float64 { return g.collect }},
		{"evaluation", func(g growth) float64 { return g.evaluation }},
		{"record, SDK", func(g growth) float64 { return g.call }},
		{"record, hot road", func(g growth) float64 { return g.hotCall }},
	} {
		points := make(plotter.XYs, len(all))
		for j, g := range all {
			points[j].X, points[j].Y = float64(g.series), l.of(g)
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		line.Color, dots.Color = colors[i], colors[i]
		line.Width = vg.Points(1.5)
		p.Add(line, dots)
		p.Legend.Add(l.name, line)
	}
	if err := p.Save(16*vg.Centimeter, 11*vg.Centimeter, path); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// colors can be told apart by those who do not see all of them.
var colors = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 158, 115, 255},
	color.RGBA{213, 94, 0, 255}, color.RGBA{204, 121, 167, 255},
}
