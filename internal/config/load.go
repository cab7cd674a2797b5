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
	c := Default()
	for _, path := range paths {
		data, err := read(path)
		if err != nil {
			return nil, err
		}
		if err := c.apply(path, data); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// read returns a whole file, or says why it cannot be one of ours before
// having read more than the limit.
func read(path string) ([]byte, error) {
	fail := func(cause error, format string, args ...any) ([]byte, error) {
		return nil, &Error{File: path, Message: fmt.Sprintf(format, args...), cause: cause}
	}
	failed := func(err error) ([]byte, error) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fail(err, "the file does not exist: check the path")
		case errors.Is(err, fs.ErrPermission):
			return fail(err, "no permission to read the file: make it readable for user %d", os.Getuid())
		}
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return fail(err, "cannot read the file: %s", oneLine(err.Error()))
	}
	if path == "" {
		return fail(nil, "the path of a configuration file is empty: give a path or none at all")
	}
	// Before opening: a named pipe would wait for its writer for ever.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return failed(err)
	case info.IsDir():
		return fail(nil, "this is a directory: give the path of a file in it")
	case !info.Mode().IsRegular():
		return fail(nil, "this is not a regular file: give the path of a TOML file")
	case info.Size() > MaxFileSize:
		return fail(nil, "the file has %d bytes, more than the %d that a configuration may have: is it the right file?", info.Size(), MaxFileSize)
	}
	f, err := os.Open(path)
	if err != nil {
		return failed(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return failed(err)
	}
	if len(data) > MaxFileSize { // it grew, or its size is not known, as in /proc
		return fail(nil, "the file has more than the %d bytes that a configuration may have: is it the right file?", MaxFileSize)
	}
	return data, nil
}
