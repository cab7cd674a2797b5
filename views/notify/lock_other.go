//go:build !unix || aix || solaris

package notify

import (
	"context"
	"errors"
	"os"
)

// errNotReadable is what reading gives from a file opened for writing only.
var errNotReadable = errors.ErrUnsupported

// lockFile does nothing: there is no flock.
func lockFile(context.Context, *os.File) (unlock func(), err error) {
	return func() {}, nil
}

// rename closes the file first, as Windows renames no open file.
func (f *LogFile) rename(from, to string) error {
	if err := f.drop(); err != nil {
		return err
	}
	return os.Rename(from, to)
}
