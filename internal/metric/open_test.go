package metric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/metric"
)

func TestOpenAtEnd(t *testing.T) {
	for _, tt := range []struct {
		name, piece  string
		open         bool
		want, broken bool
	}{
		{name: "whole line", piece: `m v="x",w=1 5`},
		{name: "carriage return", piece: "m v=\"x\"\r"},
		{name: "comment", piece: ` # v="`},
		{name: "opens", piece: `m v="x`, want: true},
		{name: "opens behind others", piece: `m v=1,w="x",x="`, want: true},
		{name: "escaped mark", piece: `m v="x\"`, want: true},
		{name: "escaped backslash", piece: `m v="x\\"`},
		{name: "mark in the head", piece: `m,k="x v=1`},
		{name: "mark in a field key", piece: `m v"=1`},
		{name: "mark in a value", piece: `m v=1"x`},
		{name: "mark behind an escaped equals sign", piece: `m v\="x=1`},
		{name: "mark behind the fields", piece: `m v=1 x="`},
		{name: "goes on", piece: `x=1,y= \"`, open: true, want: true},
		{name: "blank and goes on", piece: "", open: true, want: true},
		{name: "closes", piece: `x" 5`, open: true},
		{name: "closes at the end", piece: `"`, open: true},
		{name: "closes and opens", piece: `x",w="y`, open: true, want: true},
		{name: "closes and goes on", piece: `x",w=1`, open: true},
		{name: "closes before a word", piece: `x"y`, open: true, broken: true},
		{name: "closes before another line", piece: `m v="x" 5`, open: true, broken: true},
		{name: "closes before no field", piece: `",x`, open: true, broken: true},
		{name: "no fields", piece: "m", broken: true},
		{name: "nothing", piece: "", broken: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, broken := metric.OpenAtEnd([]byte(tt.piece), tt.open)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.broken, broken)
		})
	}
}
