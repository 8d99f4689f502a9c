package httpauth

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// maxSecret is the most that a file with one secret may hold, in bytes; a large
// token has a few thousand.
const maxSecret = 64 << 10

// ReadSecretFile returns a function for Config that reads the secret in a file
// anew at each call, without one line end behind it. The file may not exist yet.
// An empty file, one larger than 64 KiB, and one of several lines are errors.
func ReadSecretFile(path string) func() (string, error) {
	return func() (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		defer func() { _ = f.Close() }()
		text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		switch {
		case len(text) > maxSecret:
			return "", fmt.Errorf("secret file %s: larger than %d bytes", path, maxSecret)
		case secret == "":
			return "", fmt.Errorf("secret file %s: empty", path)
		case strings.ContainsAny(secret, "\r\n"):
			return "", fmt.Errorf("secret file %s: several lines; want the secret alone", path)
		}
		return secret, nil
	}
}

// SecretFileWarning returns why a file with a secret should be better protected:
// everybody can read it, or others than its owner can write it. Empty means that
// all is well, or that nothing can be known. A group that may read is well: it is
// how a service gets a file that root owns.
func SecretFileWarning(path string) string {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" { // where such modes say nothing
		return ""
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		return fmt.Sprintf("secret file %s (mode %04o) can be written by others than its owner; chmod 0640 %[1]s", path, mode)
	case mode&0o004 != 0:
		return fmt.Sprintf("secret file %s (mode %04o) can be read by every user; chmod 0640 %[1]s", path, mode)
	}
	return ""
}
