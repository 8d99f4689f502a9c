package peertest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/debian"
)

func TestMayLack(t *testing.T) {
	for _, test := range []struct {
		name       string
		err        error
		continuous bool
		want       bool
	}{
		{"no network", errors.New("apt-get update: exit status 100"), false, true},
		{"no network, continuous integration", errors.New("apt-get update: exit status 100"), true, false},
		{"another system", fmt.Errorf("fetch: %w", debian.ErrNoArchive), true, true},
		{"no apt", fmt.Errorf("apt-get %w", debian.ErrNoTool), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, mayLack(test.err, test.continuous))
		})
	}
}
