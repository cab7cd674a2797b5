package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxFileSize is how large a configuration file may be, in bytes.
const MaxFileSize = 1 << 20

// Load returns the defaults overridden by the files in their order, checked as
// a whole. Without a path it returns [Default]. The error is an [*Error], the
// first that was met: errors in a file come in the order of its lines, and
// before those of several keys together.
func Load(paths ...string) (*Config, error) {
	sources := make([]Source, len(paths))
	for i, path := range paths {
		sources[i] = File(path)
	}
	return LoadSources(sources...)
}

// read returns a whole file, or says why it cannot be one of ours before
// having read more than the limit.
func read(path string) ([]byte, error) {
	at := position{file: path}
	if path == "" {
		return nil, at.errorf("", "the path of a configuration file is empty: give a path or none at all")
	}
	// Before opening: a named pipe would wait for its writer for ever.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(at, err)
	case info.IsDir():
		return nil, at.errorf("", "this is a directory: give the path of a file in it")
	case !info.Mode().IsRegular():
		return nil, at.errorf("", "this is not a regular file: give the path of a TOML file")
	case info.Size() > MaxFileSize:
		return nil, tooLarge(at, info.Size())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(at, err)
	}
	// One byte more tells that it grew, or that its size is not known, as in /proc.
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, unreadable(at, err)
	}
	return data, nil
}

func unreadable(at position, err error) *Error {
	e := at.errorf("", "")
	e.cause = err
	pathError, ok := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Message = "the file does not exist: check the path"
	case errors.Is(err, fs.ErrPermission):
		e.Message = fmt.Sprintf("no permission to read the file: make it readable for user %d", os.Getuid())
	case ok:
		e.Message = "cannot read the file: " + oneLine(pathError.Err.Error())
	default:
		e.Message = "cannot read the file: " + oneLine(err.Error())
	}
	return e
}

func tooLarge(at position, size int64) *Error {
	return at.errorf("", "the file has %d bytes or more, and a configuration may have %d: is it the right file?", size, MaxFileSize)
}
