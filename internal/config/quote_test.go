package config_test

import (
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

func TestQuote(t *testing.T) {
	for _, text := range []string{"", "plain", `a"b\c`, "a\nb\tc\x00\x7f\u0085", `'''`, "größe \U0001f600", "#=[]"} {
		var v struct{ Text string }
		require.NoError(t, toml.Unmarshal([]byte("text = "+config.Quote(text)), &v), "%q", text)
		require.Equal(t, text, v.Text)
	}
}
