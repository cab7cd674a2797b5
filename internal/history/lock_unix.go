//go:build unix && !aix && !solaris

package history

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock keeps other processes from the files that belong to the lock file, until
// unlock is called or the process ends. Where the file system has no locks it
// goes without.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%w: %s is locked", ErrInUse, path), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
