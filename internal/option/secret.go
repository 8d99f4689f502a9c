package option

import (
	"log/slog"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/httpauth"
)

// Secret returns the function that reads a secret given by value or by file, nil when it is given by neither.
func Secret(value config.Secret, file string) func() (string, error) {
	switch {
	case file != "":
		return httpauth.ReadSecretFile(file)
	case value.IsSet():
		return func() (string, error) { return value.Reveal(), nil }
	}
	return nil
}

// SecretFiles returns the paths of the files with secrets: passwords, tokens and keys. Options that are unset are "".
func (o *HTTP) SecretFiles() []string {
	return []string{o.PasswordFile, o.TokenFile, o.ClientSecretFile, o.Keytab, o.TLSKey}
}

// WarnExposed logs which files with secrets people can read or write who should not. Paths that are "" are passed over.
func WarnExposed(log *slog.Logger, paths ...string) {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if warning := httpauth.SecretFileWarning(path); warning != "" {
			log.Warn(warning)
		}
	}
}
