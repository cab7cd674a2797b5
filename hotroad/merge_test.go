package hotroad_test

import (
	"testing"

	"github.com/otelperf/otelperf-go/hotroad"
	"github.com/otelperf/otelperf-go/views/viewstest"
)

func TestMergingConforms(t *testing.T) {
	t.Parallel()
	if err := viewstest.CheckDecorator(hotroad.Merging); err != nil {
		t.Error(err)
	}
}
