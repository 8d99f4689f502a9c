package config_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		in   string
		want time.Duration
		text string
	}{
		{"10s", 10 * time.Second, "10s"},
		{"1m30s", 90 * time.Second, "1m30s"},
		{"1h0m0s", time.Hour, "1h"},
		{"1d12h", 36 * time.Hour, "1d12h"},
		{"12h1d", 36 * time.Hour, "1d12h"},
		{"2w", 14 * day, "14d"},
		{"365d", 365 * day, "365d"},
		{"1.5d", 36 * time.Hour, "1d12h"},
		{"0.1d", 144 * time.Minute, "2h24m"},
		{"1d20m", day + 20*time.Minute, "1d20m"},
		{"250ms", 250 * time.Millisecond, "250ms"},
		{"5µs", 5 * time.Microsecond, "5µs"},
		{"0", 0, "0s"},
		{"0s", 0, "0s"},
		{"-0s", 0, "0s"},
		{"30", 30 * time.Second, "30s"},
		{"1_000", 1000 * time.Second, "16m40s"},
		{"0.25", 250 * time.Millisecond, "250ms"},
		{"1e3", 1000 * time.Second, "16m40s"},
		{"+5", 5 * time.Second, "5s"},
		{"9223372036854775807ns", math.MaxInt64, "106751d23h47m16.854775807s"},
	} {
		t.Run(test.in, func(t *testing.T) {
			var d config.Duration
			require.NoError(t, d.UnmarshalText([]byte(test.in)))
			require.Equal(t, test.want, d.Duration())
			require.Equal(t, config.DurationOf(test.want), d)
			require.Equal(t, test.text, d.String())
			var again config.Duration
			require.NoError(t, again.UnmarshalText([]byte(d.String())))
			require.Equal(t, d, again)
		})
	}
}

func TestDurationRefuses(t *testing.T) {
	const not = ` is not a duration; examples: "10s", "1m30s", "1d12h", "2w", or a bare number of seconds`
	for in, want := range map[string]string{
		"":                      `""` + not,
		"s":                     `"s"` + not,
		"5x":                    `"5x"` + not,
		"5 s":                   `"5 s"` + not,
		"1d 2h":                 `"1d 2h"` + not,
		"1.2.3s":                `"1.2.3s"` + not,
		"1.2.3":                 `"1.2.3"` + not,
		".d":                    `".d"` + not,
		"1d5":                   `"1d5"` + not,
		"-":                     `"-"` + not,
		"--1s":                  `"--1s"` + not,
		"1s-2s":                 `"1s-2s"` + not,
		"inf":                   `"inf"` + not,
		"nan":                   `"nan"` + not,
		"0x10":                  `"0x10"` + not,
		"-5s":                   `"-5s" is negative; want a duration of zero or more`,
		"-1d":                   `"-1d" is negative; want a duration of zero or more`,
		"-0.5":                  `"-0.5" is negative; want a duration of zero or more`,
		"106752d":               `"106752d" is too long; the longest duration is 292 years`,
		"106751d24h":            `"106751d24h" is too long; the longest duration is 292 years`,
		"99999999999999999999s": `"99999999999999999999s" is too long; the longest duration is 292 years`,
		"1e300":                 `"1e300" is too long; the longest duration is 292 years`,
		"1e999":                 `"1e999" is too long; the longest duration is 292 years`,
		"9223372037":            `"9223372037" is too long; the longest duration is 292 years`,
	} {
		t.Run(in, func(t *testing.T) {
			var d config.Duration
			require.EqualError(t, d.UnmarshalText([]byte(in)), want)
			require.Zero(t, d)
		})
	}
}

func TestSize(t *testing.T) {
	for _, test := range []struct {
		in   string
		want int64
		text string
	}{
		{"64KiB", 65536, "64KiB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"10GB", 1e10, "10GB"},
		{"2TB", 2e12, "2TB"},
		{"3TiB", 3 << 40, "3TiB"},
		{"5kB", 5000, "5kB"},
		{"5KB", 5000, "5kB"},
		{"1.5GiB", 3 << 29, "1536MiB"},
		{"0.5kB", 500, "500B"},
		{"1000KiB", 1024000, "1000KiB"},
		{"64 KiB", 65536, "64KiB"},
		{"512", 512, "512B"},
		{"512B", 512, "512B"},
		{"1_000", 1000, "1kB"},
		{"+1", 1, "1B"},
		{"0", 0, "0B"},
		{"9223372036854775807", math.MaxInt64, "9223372036854775807B"},
	} {
		t.Run(test.in, func(t *testing.T) {
			var s config.Size
			require.NoError(t, s.UnmarshalText([]byte(test.in)))
			require.Equal(t, test.want, s.Bytes())
			require.Equal(t, config.SizeOf(test.want), s)
			require.Equal(t, test.text, s.String())
			var again config.Size
			require.NoError(t, again.UnmarshalText([]byte(s.String())))
			require.Equal(t, s, again)
		})
	}
}

func TestSizeRefuses(t *testing.T) {
	const not = ` is not a size; examples: "64KiB", "1MiB", "10GB", or a bare number of bytes`
	for in, want := range map[string]string{
		"":                    `""` + not,
		"MiB":                 `"MiB"` + not,
		"1M":                  `"1M"` + not,
		"1mb":                 `"1mb"` + not,
		"1Kib":                `"1Kib"` + not,
		"1KiBKiB":             `"1KiBKiB"` + not,
		"1.0005kB5":           `"1.0005kB5"` + not,
		"0.3B":                `"0.3B"` + not,
		"1..5kB":              `"1..5kB"` + not,
		"1  kB":               `"1  kB"` + not,
		"1e3":                 `"1e3"` + not,
		"+-1":                 `"+-1"` + not,
		"-1KiB":               `"-1KiB" is negative; want a size of zero or more`,
		"8388608TiB":          `"8388608TiB" is too large; the largest size is 8388607TiB`,
		"9223372036854775808": `"9223372036854775808" is too large; the largest size is 8388607TiB`,
	} {
		t.Run(in, func(t *testing.T) {
			var s config.Size
			require.EqualError(t, s.UnmarshalText([]byte(in)), want)
			require.Zero(t, s)
		})
	}
}

func TestCheckInterval(t *testing.T) {
	for _, d := range []time.Duration{0, 10 * time.Millisecond, time.Second, 24 * time.Hour} {
		require.NoError(t, config.CheckInterval("interval", config.DurationOf(d)))
	}
	require.EqualError(t, config.CheckInterval("agent.interval", config.DurationOf(time.Millisecond)),
		`agent.interval = "1ms": want at least 10ms, or 0s for never`)
}
