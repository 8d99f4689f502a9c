package configtest_test

import (
	"testing"
	"time"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/config/configtest"
)

func ExampleCheckSample() {
	type Config struct {
		Address  string          `toml:"address"`
		Interval config.Duration `toml:"interval"`
	}
	// In a plugin this is its embedded sample.conf.
	const sample = `# Reads an example
[[inputs.example]]
  ## Where to read from
  address = "192.0.2.1"

  ## How often to read
  # interval = "10s"
`
	_ = func(t *testing.T) { // in a plugin, func TestSample
		configtest.CheckSample(t, sample, "inputs.example", Config{
			Interval: config.DurationOf(10 * time.Second),
		})
	}
}
