package piwebapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/option"
)

func TestClientSettings(t *testing.T) {
	got := Config{URL: "https://pi/piwebapi", HTTP: option.HTTP{Timeout: dur(time.Second)}}.client(nil)
	require.Equal(t, "https://pi/piwebapi", got.URL)
	require.Equal(t, time.Second, got.Timeout)
}
