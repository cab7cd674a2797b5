package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/shirou/gopsutil/v4/process"
)

// TestAbsence: what gopsutil reads nowhere is absent, another failure stays one.
func TestAbsence(t *testing.T) {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	_, unread := p.IOnice()
	if unread == nil {
		t.Fatal("gopsutil reads nice values of I/O now: newSource needs another way to its error")
	}
	for _, err := range []error{unread, fmt.Errorf("wrapped: %w", unread)} {
		if got := absence(unread, err); !errors.Is(got, errAbsent) {
			t.Errorf("%v became %v", err, got)
		}
	}
	for _, other := range []error{nil, fs.ErrPermission} {
		if got := absence(unread, other); got != other { //nolint:errorlint // the very value
			t.Errorf("%v became %v", other, got)
		}
	}
}
