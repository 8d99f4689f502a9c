package config_test

import (
	"net/netip"
	"time"

	"telegraf-ipvs/internal/config"
)

// file is a configuration with a field of every kind.
type file struct {
	Inputs struct {
		IPVS []plugin `toml:"ipvs"`
		Null []struct {
			Interval config.Duration `toml:"interval"`
		} `toml:"null"`
	} `toml:"inputs"`
	Outputs struct {
		PI []plugin `toml:"pi_webapi"`
	} `toml:"outputs"`
}

type plugin struct {
	common
	Timeout  config.Duration   `toml:"timeout"`
	Limit    config.Size       `toml:"limit"`
	Name     string            `toml:"name"`
	Names    []string          `toml:"names"`
	Port     uint16            `toml:"port"`
	Offset   int8              `toml:"offset"`
	Count    int64             `toml:"count"`
	Ratio    *float64          `toml:"ratio"`
	Enabled  bool              `toml:"enabled"`
	Prefix   []netip.Prefix    `toml:"prefix"`
	Since    time.Time         `toml:"since"`
	Headers  map[string]string `toml:"headers"`
	Auth     *auth             `toml:"auth"`
	Mappings []mapping         `toml:"mapping"`
	Free     any               `toml:"free"`
	Hidden   int               `toml:"-"`
}

type common struct {
	Poll config.Duration `toml:"poll_every"`
}

type auth struct {
	User     string `toml:"user"`
	Password string `toml:"password"`
}

type mapping struct {
	Field string    `toml:"field"`
	Sub   []mapping `toml:"sub"`
}

// vars is an environment.
func vars(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}
