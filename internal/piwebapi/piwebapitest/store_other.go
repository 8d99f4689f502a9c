//go:build !unix

package piwebapitest

import "os"

// lockFile does nothing where there is no lock that ends with its process.
func lockFile(*os.File) error { return nil }
