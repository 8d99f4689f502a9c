package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKernelPackage(t *testing.T) {
	tests := []struct{ name, version string }{
		{"linux-image-6.1.0-30-cloud-amd64", "6.1.0-30"},
		{"linux-image-6.12.9+deb12-cloud-amd64", "6.12.9+deb12"},
		{"linux-modules-7.2.1+deb14-cloud-amd64", "7.2.1+deb14"},
		{"linux-binary-7.2.1+deb14-cloud-amd64", "7.2.1+deb14"},
		{"linux-base-cloud-amd64", ""},
		{"linux-image-cloud-amd64", ""},
		{"linux-image-6.1.0-30-amd64", ""},
		{"kmod", ""},
	}
	for _, tt := range tests {
		part := kernelPackage.FindStringSubmatch(tt.name)
		if tt.version == "" {
			require.Nil(t, part, tt.name)
			continue
		}
		require.NotNil(t, part, tt.name)
		require.Equal(t, tt.version, part[2])
	}
}
