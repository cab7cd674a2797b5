//go:build unix && !aix && !solaris

package notify

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// errNotReadable is what reading gives from a file opened for writing only.
var errNotReadable error = syscall.EBADF

// lockFile takes the advisory lock that LogFiles of all processes share,
// waiting as long as ctx allows. Where the file system has no such locks it
// goes without.
func lockFile(ctx context.Context, file *os.File) (unlock func(), err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	flock := func(how int) (err error) {
		if cerr := conn.Control(func(fd uintptr) { err = syscall.Flock(int(fd), how) }); cerr != nil {
			return cerr
		}
		return err
	}
	for {
		switch err := flock(syscall.LOCK_EX | syscall.LOCK_NB); {
		case err == nil:
			return func() { _ = flock(syscall.LOCK_UN) }, nil
		case errors.Is(err, os.ErrClosed):
			return nil, err
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return func() {}, nil
		}
		// It is held for as long as a line takes to write.
		t := time.NewTimer(time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

// rename puts the open file aside.
func (*LogFile) rename(from, to string) error { return os.Rename(from, to) }
