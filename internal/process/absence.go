package process

import "errors"

// absence tells what an operating system does not say from what went wrong, where
// a library has the error unread for the former: that one becomes errAbsent.
func absence(unread, err error) error {
	if err != nil && errors.Is(err, unread) {
		return errAbsent
	}
	return err
}
