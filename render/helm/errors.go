package helm

import (
	"errors"
	"io/fs"
)

// reason returns what is wrong with a file without the path, which the caller names.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
