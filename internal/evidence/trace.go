package evidence

import (
	"io"
	"runtime/trace"
	"time"
)

// A recorder keeps the trace of the last seconds.
type recorder interface {
	Start() error
	Enabled() bool
	WriteTo(io.Writer) (int64, error)
	Stop()
}

// The flight recorder keeps the last five seconds, less if they are more than
// eight MiB. The runtime takes both as a hint.
func newFlightRecorder() recorder {
	return trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 5 * time.Second, MaxBytes: 8 << 20})
}
